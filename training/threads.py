"""Pick the number of threads while training, on a machine that others use too.

Two threads are faster on a free machine; when another program holds a core,
each matrix product waits for the slower half and one thread wins.
"""
import time

import torch

PROBE_STEPS, EVERY_S, MARGIN = 4, 150, 1.08


class Threads:
    def __init__(self, most):
        self.choices, self.now, self.phase = list(range(1, most + 1)), 1, 0
        self.speeds, self.tokens, self.since, self.next = {}, 0, time.time(), time.time() + 60
        torch.set_num_threads(self.now)

    def step(self, tokens):
        """Call after every step; from time to time it measures each choice over a few steps."""
        if len(self.choices) == 1 or (self.phase == 0 and time.time() < self.next):
            return
        if self.phase == 0:
            self.speeds, self.order = {}, [self.now] + [c for c in self.choices if c != self.now]
            self._start(self.order[0])
            return
        self.tokens += tokens
        self.count += 1
        if self.count < PROBE_STEPS:
            return
        self.speeds[self.order[self.phase - 1]] = self.tokens / (time.time() - self.since)
        if self.phase < len(self.order):
            self._start(self.order[self.phase])
            return
        best = max(self.speeds, key=self.speeds.get)
        if self.speeds[best] > MARGIN * self.speeds[self.now]:
            self.now = best
        torch.set_num_threads(self.now)
        self.phase, self.next = 0, time.time() + EVERY_S

    def _start(self, choice):
        torch.set_num_threads(choice)
        self.phase, self.tokens, self.count, self.since = self.phase + 1, 0, 0, time.time()
