"""Endless, deterministic batches of generated chats, without padding.

A pool of chats is tokenised and sorted by length; runs of equal length (chats
are cut or padded by a few tokens at most) form groups, and each step takes
four groups of different lengths, so that every step sees many tasks.
"""
import json
import random

import torch

from data import mix, to_json

DRILL_SHARE, QUOTE_SHARE, ORDER_SHARE = 0.05, 0.04, 0.05
POOL, GROUP_TOKENS, GROUPS, LONGEST = 640, 512, 4, 640
FULL = 256   # tokens: a step is filled up to a multiple, for few sizes of matrix product


def encode(tokenizer, messages):
    """ChatML tokens and their weights: above 0 on what the assistant writes (its end token included).

    Short answers weigh more per token. Otherwise a table of 90 tokens would drown out the three tokens
    of an answer to a question, which are the harder ones.
    """
    ids, mask = [], []
    for message in messages:
        head = tokenizer.encode(f"<|im_start|>{message['role']}\n").ids
        body = tokenizer.encode(message["content"] + "<|im_end|>").ids
        tail = tokenizer.encode("\n").ids
        answer = (32 / len(body)) ** 0.5 if message["role"] == "assistant" else 0
        ids += head + body + tail
        mask += [0] * len(head) + [answer] * len(body) + [0] * len(tail)
    return ids[:-1], mask[:-1]


def token_drill(rng, tokenizer):
    """Repeat a string of vocabulary pieces drawn at random: copying must work for rare pieces as well."""
    text = tokenizer.decode([rng.randrange(tokenizer.get_vocab_size()) for _ in range(rng.randint(3, 16))])
    text = text.replace("\ufffd", "").strip() or "ok"
    request = rng.choice(["Repeat this: ", "Copy: ", "Say ", "Repeat after me: ", "重复：", "照抄：", "Write this again:\n", "Echo "])
    return [{"role": "user", "content": request + text}, {"role": "assistant", "content": text}]


def quote_drill(rng, tokenizer):
    """Write words made of random pieces in quotes: a word after a quote begins with another token than after a space."""
    count = tokenizer.get_vocab_size()
    words = [tokenizer.decode([rng.randrange(count) for _ in range(rng.randint(1, 3))]) for _ in range(rng.randint(2, 6))]
    words = [word for word in ("".join(filter(str.isalnum, w.replace("\ufffd", ""))) for w in words) if word] or ["ok"]
    words = [word.capitalize() if rng.random() < 0.5 else word for word in words]
    request = rng.choice(["Put in quotes: ", "As a JSON list: ", "JSON array of ", "Quote each word: ", "加引号：", "写成JSON列表："])
    return [{"role": "user", "content": request + rng.choice([" ", ", ", "\n"]).join(words)}, {"role": "assistant", "content": json.dumps(words, ensure_ascii=False)}]


def groups_of(chats, budget=GROUP_TOKENS):
    """Sort by length and cut into groups of about `budget` tokens; pad each to its longest."""
    chats = sorted(chats, key=lambda c: len(c[0]))
    groups, current = [], []
    for chat in chats:
        if current and (len(current) + 1) * len(chat[0]) > budget:
            groups.append(current)
            current = []
        current.append(chat)
    return groups + [current] if current else groups


def stack(groups):
    """Flat tokens, next-token targets, answer weights, prompt mask and the group shapes."""
    tokens, targets, answer, prompt, shapes = [], [], [], [], []
    for group in groups:
        length = max(len(ids) for ids, _ in group) - 1
        shapes.append((len(group), length))
        for ids, mask in group:
            pad = length + 1 - len(ids)
            tokens += ids[:-1] + [0] * pad
            targets += ids[1:] + [0] * pad
            answer += mask[1:] + [0] * pad
            prompt += [int(m == 0) for m in mask[1:]] + [0] * pad
    fill = -len(tokens) % FULL
    if fill:
        shapes.append((1, fill))
    tokens, targets, answer, prompt = (part + [0] * fill for part in (tokens, targets, answer, prompt))
    return torch.tensor(tokens), torch.tensor(targets), torch.tensor(answer, dtype=torch.float32), torch.tensor(prompt), shapes


def stream(tokenizer, seed, pool=0):
    """Yield (pool number, batch) for ever; starting at pool n repeats what a run would see there."""
    while True:
        rng = random.Random(f"training {seed} {pool}")
        chats = []
        while len(chats) < POOL:
            kind = rng.random()
            if kind < DRILL_SHARE:
                chat = encode(tokenizer, token_drill(rng, tokenizer))
            elif kind < DRILL_SHARE + QUOTE_SHARE:
                chat = encode(tokenizer, quote_drill(rng, tokenizer))
            elif kind < DRILL_SHARE + QUOTE_SHARE + ORDER_SHARE:
                request, answer = to_json.order(rng)
                chat = encode(tokenizer, [{"role": "user", "content": request}, {"role": "assistant", "content": answer}])
            else:
                chat = encode(tokenizer, mix.messages(rng, early=pool < mix.EARLY_POOLS))
            if len(chat[0]) <= LONGEST:
                chats.append(chat)
        groups = groups_of(chats)
        rng.shuffle(groups)
        pool += 1
        for start in range(0, len(groups) - GROUPS + 1, GROUPS):
            yield pool, stack(groups[start:start + GROUPS])
