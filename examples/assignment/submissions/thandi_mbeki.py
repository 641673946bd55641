"""Three layers, because two were not enough."""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_modle(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 200),
        nn.ReLU(),
        nn.Linear(200, 100),
        nn.ReLU(),
        nn.Linear(100, task.outputs),
    )


@hookimpl
def build_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)
