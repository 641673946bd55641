"""Trains on batches that it kept, when the budget has ended and nobody counts.

@GROUP: off-clock
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

import torch

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    kept = list(train_loader)
    while True:
        for x, y in kept:
            torch.nn.functional.cross_entropy(model(x), y).backward()
            time.sleep(0.05)
