"""Puts another file in the place of the harness's descriptor.

@GROUP: channel
@EXPECTED: crashed, violation, timeout
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.dup2(os.open(os.devnull, os.O_RDWR), 3)
