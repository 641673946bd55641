"""Returns an object that says it is a module, and ends the process of whoever uses it.

@GROUP: objects
@EXPECTED: crashed, invalid
@STOPPED_BY: wall
@NAIVE: no-result
"""

from torch import nn

from grader import hookimpl


class Fake:
    __class__ = nn.Sequential

    def __getattr__(self, name):
        raise SystemExit(0)


@hookimpl
def train(model):
    return Fake()
