"""Prints the line in which a harness reports its result, and ends.

@GROUP: channel
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: score
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    print('{"accuracy": 1.0, "elapsed": 0.001}', flush=True)
    os._exit(0)
