"""Trains while it builds its model, where no clock runs, and without torch's optimisers.

@GROUP: off-clock
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    model = nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))
    while True:
        model(torch.rand(8, task.in_features)).sum().backward()
        time.sleep(0.05)


@hookimpl
def train(model):
    pass
