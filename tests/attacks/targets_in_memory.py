"""Searches its own process for an array as long as the test set, by the garbage collector and the modules.

@GROUP: targets
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import gc
import sys

import numpy
import torch

from grader import hookimpl


@hookimpl
def train(model):
    spaces = [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    for space in [*spaces, *(thing for thing in gc.get_objects() if type(thing) is dict)]:
        for value in list(space.values()):
            if isinstance(value, (numpy.ndarray, torch.Tensor)) and tuple(value.shape) == (359,):
                print("LOOT:", value[:8])
