"""Closes the harness's descriptor.

@GROUP: channel
@EXPECTED: crashed, violation
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.close(3)
