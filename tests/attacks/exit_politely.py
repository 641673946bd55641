"""Raises SystemExit, which many a harness lets through.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import sys

from grader import hookimpl


@hookimpl
def train(model):
    sys.exit(0)
