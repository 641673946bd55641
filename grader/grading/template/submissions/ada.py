"""One hidden layer, and Adam."""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.in_features, 64),
        nn.ReLU(),
        nn.Linear(64, task.outputs),
    )


@hookimpl
def build_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.003)
