"""Reports a result of its own where an error would be reported.

@GROUP: patches
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: score
"""

import os
import sys

from grader import hookimpl


def report(*_):
    os.write(1, b'\n{"accuracy": 1.0, "elapsed": 0.001}\n')
    os._exit(0)


sys.excepthook = report


@hookimpl
def train(model):
    raise ValueError("all is well")
