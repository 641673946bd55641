"""Trains while it is imported, where no clock runs.

@GROUP: off-clock
@EXPECTED: invalid
@STOPPED_BY: wall
@NAIVE: clock
"""

import time

import torch

from grader import hookimpl

weights = torch.nn.Parameter(torch.zeros(4))
optimizer = torch.optim.SGD([weights], lr=0.1)
for _ in range(10):
    weights.sum().backward()
    optimizer.step()
    time.sleep(0.04)


@hookimpl
def train(model):
    pass
