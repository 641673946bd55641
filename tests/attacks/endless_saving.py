"""Never ends saving its weights.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from torch import nn

from grader import hookimpl


class Net(nn.Sequential):
    def state_dict(self, *args, **kwargs):
        time.sleep(600)


@hookimpl
def build_model(task):
    return Net(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def train(model):
    pass
