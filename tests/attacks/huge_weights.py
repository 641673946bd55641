"""Hands over weights of 40 MB where 8 are allowed.

@GROUP: results
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: accepted
"""

import torch
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    model = nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))
    model.register_buffer("ballast", torch.zeros(10_000_000))
    return model


@hookimpl
def train(model):
    pass
