"""Write the held-out samples that `evaluate.mjs` asks the finished model.

    python training/make_eval.py

`eval/hand_written.jsonl` beside it is written by hand and is not touched.
"""
import argparse
import json
from pathlib import Path

from data import mix

SEED = 777001


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "eval" / "held_out.jsonl")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file:
        for task in mix.TASKS:
            for user, answer in mix.held_out(task, args.count, SEED):
                record = {"task": task, "messages": [{"role": "user", "content": user}], "expected": answer}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
    print(args.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
