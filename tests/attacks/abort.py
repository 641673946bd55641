"""Aborts, as a failed assertion of a library does.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.abort()
