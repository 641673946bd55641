"""Calls itself without end.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

from grader import hookimpl


@hookimpl
def train(model):
    return train(model)
