"""A CNN with fewer than 10,000 parameters; Adam does the rest (with Ngozi Eze)."""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 24, kernel_size=3, padding=1, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 2 * 2, 48),
        nn.ReLU(),
        nn.Linear(48, task.outputs),
    )


@hookimpl
def build_optimizer(model):
    # SGD got stuck at about 90 %
    return torch.optim.Adam(model.parameters(), lr=1e-2)
