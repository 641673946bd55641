"""Reads where nothing is.

@GROUP: exits
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import ctypes

from grader import hookimpl


@hookimpl
def train(model):
    ctypes.string_at(0)
