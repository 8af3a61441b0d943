"""Greedy answers, prompt texts and ids of SmolLM2-135M-Instruct by transformers.

Writes reference.json beside this file.

    python make_reference.py FOLDER_OF_THE_GGUF      (needs torch, transformers, accelerate, gguf)

transformers reads a GGUF's vocabulary, but not its `tokenizer.ggml.pre`; "smollm" stands for the
pre-tokenizer of the model's own tokenizer.json: single digits, then the byte-level pattern.
"""
import json
import sys
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
NEW_TOKENS = 40

USER_PROMPTS = [
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "Explain photosynthesis to a child.",
    "List three uses of copper.",
    "What is 17 plus 25?",
    "Translate 'good morning' into Spanish.",
    "Who wrote Romeo and Juliet?",
    "Give me a recipe for pancakes.",
    "How does a bicycle stay upright?",
    "Write a Python function that reverses a string.",
    "Name the planets in order from the sun.",
    "Why is the sky blue?",
    "Summarise: The cat sat on the mat. The dog barked. The cat ran away.",
    "What are the numbers  1,  22 and   333 called?",
    "Tell me a fact about whales 🐋 and the naïve café owner.",
    "Fix the grammar: he go to school yesterday.",
    "What is the difference between a virus and a bacterium?",
]
CONVERSATIONS = [[{"role": "user", "content": text}] for text in USER_PROMPTS] + [
    [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "What is gravity?"},
    ],
    [
        {"role": "user", "content": "Hi, I am Ana."},
        {"role": "assistant", "content": "Hello Ana! How can I help?"},
        {"role": "user", "content": "What is my name?"},
    ],
    [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "Where is the treasure?\n\nTell me now!"},
    ],
]
TEXTS = [
    "Hello, world!",
    "  leading and trailing  ",
    "a  1   2\t3\n\n4",
    "x=1;y=22;z=333\r\n\tif (a>b) { return -1.5e-7; }",
    "don't we'll I'M they've",
    "naïve café — “quotes” … 東京 🇫🇷👩‍👩‍👧",
    "Ünïcödé ⅷ ² ½ ٣",
    " \u00a0\u2003\u3000end",
    "<|im_start|>user",
    "",
]


@torch.no_grad()
def greedy(model, ids):
    cache, step = None, torch.tensor([ids])
    tokens, margins = [], []
    for _ in range(NEW_TOKENS):
        output = model(step, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        best = output.logits[0, -1].float().topk(2)
        tokens.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 4))
        step = best.indices[:1].view(1, 1)
    return tokens, margins


def main(folder):
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32).eval()
    chats = []
    for messages in CONVERSATIONS:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
        tokens, margins = greedy(model, ids)
        chat = {"messages": messages, "text": text, "ids": ids}
        chats.append(chat | {"greedy": tokens, "margins": margins})
        print(repr(tokenizer.decode(tokens)), flush=True)
    plain = tokenizer.backend_tokenizer
    plain.encode_special_tokens = True  # the caller's text never becomes a control token
    texts = [
        {"text": text, "ids": plain.encode(text, add_special_tokens=False).ids} for text in TEXTS
    ]
    lines = [json.dumps(chat, ensure_ascii=False) for chat in chats]
    tail = json.dumps(texts, ensure_ascii=False)
    out = '{"chats":[\n' + ",\n".join(lines) + '\n],"texts":' + tail + "}\n"
    (Path(__file__).parent / "reference.json").write_text(out, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
