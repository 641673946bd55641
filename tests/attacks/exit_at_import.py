"""Ends the process while it is imported.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl

os._exit(0)


@hookimpl
def train(model):
    pass
