"""Ends the process while it builds its model.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def build_model(task):
    os._exit(0)
