"""Makes the worker say that it is done without having predicted: the file holds zeros, not targets.

@GROUP: patches
@EXPECTED: ok, invalid
@STOPPED_BY: wall
@UNSAFE: the simple harness has no such function to replace
"""

from grader import hookimpl
from grader.worker import phases

phases._predict_into = lambda *args: None


@hookimpl
def train(model):
    pass
