"""Makes every tensor equal to every other.

@GROUP: patches
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: score
"""

import torch

from grader import hookimpl


@hookimpl
def train(model):
    torch.Tensor.__eq__ = lambda a, b: torch.ones(len(a), dtype=torch.bool)
    torch.Tensor.__hash__ = object.__hash__
