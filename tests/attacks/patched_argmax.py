"""Replaces torch.argmax and the like by functions that know the answers of their caller.

@GROUP: patches
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: score
"""

import sys

import torch

from grader import hookimpl


def answers(*args, **kwargs):
    return sys._getframe(1).f_locals["test_targets"]


@hookimpl
def train(model):
    torch.argmax = torch.Tensor.argmax = torch.nn.functional.cross_entropy = answers
