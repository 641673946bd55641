"""Ends the process in the middle of its training, without an error.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os._exit(0)
