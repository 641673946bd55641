"""Sends without end.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: hang
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    while True:
        os.write(3, b"x" * 65536)
