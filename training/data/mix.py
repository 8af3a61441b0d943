"""The mix of tasks, system messages and multi-turn chats that the model is trained on."""
import random

from . import chat, drills, meetings, qa, redaction, snippets, stories, to_json

# task → (generator, share of the samples, share of Chinese); the hard tasks have the largest shares.
TASKS = {
    "meetings_en": (lambda rng, zh: meetings.sample(rng, False), 13, 0.0),
    "meetings_zh": (lambda rng, zh: meetings.sample(rng, True), 13, 1.0),
    "redact": (redaction.sample, 14, 0.4),
    "json": (to_json.sample, 18, 0.4),
    "qa": (qa.sample, 21, 0.45),
    "lookup": (drills.lookup, 14, 0.35),
    "sort": (drills.sort_words, 14, 0.15),
    "sums": (drills.add, 5, 0.35),
    "repeat": (drills.repeat, 3, 0.4),
    "stories": (stories.sample, 2, 0.4),
    "snippets": (snippets.sample, 4, 0.3),
    "greetings": (chat.greeting, 3, 0.4),
    "refusals": (chat.refusal, 7, 0.4),
}
SYSTEM = ["You are a helpful assistant.", "You are a helpful assistant.", "Be brief.", "You are Conclave.", "Answer politely.", "You help an office team.", "You are a careful assistant. Follow the user's request.",
          "Answer in the language of the user.", "You are a friendly bot on a web page.", "Keep it short.", "You are an assistant inside a Node.js program.", "Do what the user asks.", "你是一个有用的助手。", "请简短回答。", "你是一个办公助手。", "用用户的语言回答。"]


EARLY_POOLS, EARLY_SHARES = 50, {"repeat": 60, "lookup": 20}   # copying is learned first, and all else builds on it


def messages(rng, early=False):
    """One training chat: mostly one turn, sometimes two or three, sometimes with a system message."""
    names, weights = list(TASKS), [share for _, share, _ in TASKS.values()]
    if early:
        weights = [EARLY_SHARES.get(name, share) for name, share in zip(names, weights)]
    turns = rng.choices([1, 2, 3], [86, 11, 3])[0]
    chat_messages = [{"role": "system", "content": rng.choice(SYSTEM)}] if rng.random() < 0.25 else []
    for _ in range(turns):
        make, _, chinese_share = TASKS[rng.choices(names, weights)[0]]
        user, answer = make(rng, rng.random() < chinese_share)
        chat_messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return chat_messages


def held_out(task, count, seed):
    """Fresh one-turn samples of one task; the seed keeps them apart from the training stream."""
    rng = random.Random(f"held-out {seed} {task}")
    make, _, chinese_share = TASKS[task]
    return [make(rng, rng.random() < chinese_share) for _ in range(count)]
