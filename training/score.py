"""Teacher-forced exact match: would greedy decoding write the expected answer, token for token?

    python training/score.py --run training/run --count 200
"""
import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer

from batches import encode, groups_of, stack
from data import mix
from model import Model


@torch.no_grad()
def exact_match(model, tokenizer, task, count, seed=20261, show=0):
    samples = mix.held_out(task, count, seed)
    chats = [encode(tokenizer, [{"role": "user", "content": u}, {"role": "assistant", "content": a}]) for u, a in samples]
    right = 0
    for group in groups_of(chats, budget=4096):
        tokens, targets, answer, _, shapes = stack([group])
        chats_in, length = shapes[0]
        wanted = torch.arange(chats_in * length)   # not what fills the step up
        guess = model(tokens, shapes, wanted)[0].argmax(-1)
        ok = ((guess == targets[wanted]) | (answer[wanted] == 0)).view(shapes[0]).all(1)
        right += int(ok.sum())
        rows = guess.view(shapes[0])
        for i, (ids, mask) in enumerate(group):
            if show and not ok[i]:
                show -= 1
                marked = [g for g, m in zip(rows[i].tolist(), mask[1:]) if m]
                print(f"--- {task}\n{tokenizer.decode(ids)}\nGOT {tokenizer.decode(marked)}", flush=True)
    return right / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("training/run"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--show", type=int, default=0, help="print this many wrong answers per task")
    parser.add_argument("--tasks", nargs="*", default=list(mix.TASKS))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Model()
    model.load_state_dict(torch.load(args.run / "checkpoint.pt", weights_only=True)["model"])
    tokenizer = Tokenizer.from_file(str(args.run / "tokenizer" / "tokenizer.json"))
    for task in args.tasks:
        print(f"{task:12} {exact_match(model, tokenizer, task, args.count, show=args.show):.3f}", flush=True)


if __name__ == "__main__":
    main()
