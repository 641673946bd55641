"""Trains its weights to NaN.

@GROUP: results
@EXPECTED: diverged
@STOPPED_BY: wall
@NAIVE: accepted
"""

import torch

from grader import hookimpl


@hookimpl
def train(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(float("nan"))
