"""Predicts a tensor that answers every comparison with yes.

@GROUP: objects
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: score
"""

import torch

from grader import hookimpl


class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func in (torch.Tensor.__eq__, torch.Tensor.eq, torch.eq):
            return torch.ones(len(args[0]), dtype=torch.bool)
        return super().__torch_function__(func, types, args, kwargs or {})


@hookimpl
def train(model):
    pass


@hookimpl
def predict(model, inputs):
    return model(inputs).as_subclass(Liar)
