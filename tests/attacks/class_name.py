"""Names a layer of its model by markup and escape sequences.

@GROUP: text
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: echo
"""

from torch import nn

from grader import hookimpl

Net = type("\x1b[2J\u202e<script>alert(1)</script>|", (nn.Sequential,), {})


@hookimpl
def build_model(task):
    return nn.Sequential(nn.Flatten(), Net(nn.Linear(task.in_features, task.outputs)))


@hookimpl
def train(model):
    pass
