"""Puts an object into its weights that runs code where it is unpickled.

@GROUP: objects
@EXPECTED: invalid
@STOPPED_BY: wall
@NAIVE: loot
"""

from torch import nn

from grader import hookimpl


class Bomb:
    def __reduce__(self):
        return print, ("LOOT: ran where the weights were loaded",)


class Net(nn.Sequential):
    def state_dict(self, *args, **kwargs):
        return {"bomb": Bomb()}


@hookimpl
def build_model(task):
    return Net(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def train(model):
    pass
