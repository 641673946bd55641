"""Never lets its model go: deleting it takes for ever.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from torch import nn

from grader import hookimpl


class Net(nn.Sequential):
    def __del__(self):
        time.sleep(600)


@hookimpl
def build_model(task):
    return Net(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def train(model):
    pass
