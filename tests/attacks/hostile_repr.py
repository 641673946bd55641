"""Ends the process of whoever prints its model.

@GROUP: objects
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

from torch import nn

from grader import hookimpl


class Net(nn.Sequential):
    def __repr__(self):
        raise SystemExit(0)


@hookimpl
def build_model(task):
    return Net(nn.Flatten(), nn.Linear(task.in_features, task.outputs))
