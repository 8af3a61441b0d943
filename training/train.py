"""Train the default model within a wall-clock budget; stop and start it at will.

    python training/train.py --run training/run --minutes 110

The learning rate follows the time used, not the steps: constant until 60 % of
the budget, then falling in a straight line, so that the run ends on time on
any machine. A checkpoint is written every five minutes and picked up again.
"""
import argparse
import json
import os
import signal
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from batches import FULL, stream
from data import mix
from export import weights_of
from model import Model, Shape
from optim import optimisers
from score import exact_match
from threads import Threads

SEED, BALANCE, PROMPT_WEIGHT, PROMPT_SHARE = 7, 0.01, 0.1, 0.25


def pace(share, decay_from):
    """The factor on all learning rates after this share of the time."""
    if share < 0.01:
        return 0.05 + 95 * share
    return 1.0 if share < decay_from else max(0.01, (1 - share) / (1 - decay_from))


def loss_of(model, batch, dtype, generator):
    """Answers weigh about 1, prompts 0.1 – on a random quarter of their tokens, which spares the output layer."""
    tokens, targets, answer, prompt, shapes = batch
    chosen = torch.rand(len(tokens), generator=generator) < PROMPT_SHARE
    wanted = ((answer > 0) | ((prompt == 1) & chosen)).nonzero().squeeze(1)
    weight = torch.where(answer[wanted] > 0, answer[wanted], PROMPT_WEIGHT / PROMPT_SHARE)
    fill = -len(wanted) % FULL
    wanted, weight = F.pad(wanted, (0, fill)), F.pad(weight, (0, fill))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits, balance = model(tokens, shapes, wanted, dtype)
    losses = F.cross_entropy(logits.float(), targets[wanted], reduction="none")
    answers = (answer[wanted] > 0) & (weight > 0)
    return (losses * weight).sum() / weight.sum() + BALANCE * balance, losses[answers].mean().item()


def save(path, model, opts, state):
    temporary = path.with_suffix(".tmp")
    torch.save({"model": model.state_dict(), "optimisers": [o.state_dict() for o in opts], "state": state}, temporary)
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("training/run"))
    parser.add_argument("--minutes", type=float, default=110, help="time budget, earlier parts of the run included")
    parser.add_argument("--decay-from", type=float, default=0.6)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--threads", type=int, default=2, help="at most; fewer are used while the machine is busy")
    parser.add_argument("--score-every", type=float, default=12, help="minutes between accuracy checks; 0 is never")
    parser.add_argument("--steps", type=int, default=0, help="stop early, for a speed test")
    parser.add_argument("--lr-scale", type=float, default=1.0)
    parser.add_argument("--from", dest="start", type=Path, help="a folder that export.py wrote: a new run begins with its weights")
    args = parser.parse_args()
    threads = Threads(args.threads)
    torch.manual_seed(args.seed)
    dtype = getattr(torch, args.dtype)
    tokenizer = Tokenizer.from_file(str(args.run / "tokenizer" / "tokenizer.json"))
    model = Model()
    opts = optimisers(model)
    state = {"elapsed": 0.0, "tokens": 0, "step": 0, "pool": 0}
    checkpoint = args.run / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        for opt, values in zip(opts, kept["optimisers"]):
            opt.load_state_dict(values)
        state = kept["state"]
    elif args.start:
        model.load_state_dict(weights_of(args.start, Shape()))
        state["pool"] = mix.EARLY_POOLS   # it can copy already
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))   # finish the step, save, leave
    generator = torch.Generator().manual_seed(args.seed + state["step"])
    started, before, saved, scored, smooth, told = time.time(), state["elapsed"], time.time(), time.time(), None, time.time()
    first_tokens = state["tokens"]
    for pool, batch in stream(tokenizer, args.seed, state["pool"]):
        state["elapsed"] = before + time.time() - started
        share = state["elapsed"] / (args.minutes * 60)
        if stop or share >= 1 or (args.steps and state["step"] >= args.steps):
            break
        factor = pace(share, args.decay_from) * args.lr_scale
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = group["base_lr"] * factor
            opt.zero_grad(set_to_none=True)
        loss, answer_loss = loss_of(model, batch, dtype, generator)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
        state.update(step=state["step"] + 1, tokens=state["tokens"] + len(batch[0]), pool=pool)
        threads.step(len(batch[0]))
        smooth = answer_loss if smooth is None else 0.97 * smooth + 0.03 * answer_loss
        now = time.time()
        if now - told > 30 or (args.steps and state["step"] % 5 == 0):
            speed = (state["tokens"] - first_tokens) / (now - told)
            print(json.dumps({"minutes": round(state["elapsed"] / 60, 1), "step": state["step"], "tokens": state["tokens"], "answer_loss": round(smooth, 4), "lr": round(factor, 3), "tokens_per_s": round(speed), "threads": threads.now}), flush=True)
            told, first_tokens = now, state["tokens"]
        if now - saved > 300:
            save(checkpoint, model, opts, state)
            saved = now
        if args.score_every and now - scored > args.score_every * 60:
            print(json.dumps({task: round(exact_match(model, tokenizer, task, 50), 2) for task in mix.TASKS}), flush=True)
            scored = time.time()
    save(checkpoint, model, opts, state)


if __name__ == "__main__":
    main()
