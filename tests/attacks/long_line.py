"""Prints one line of 10 MB that never ends.

@GROUP: channel
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: flood
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    view = memoryview(b"x" * 10_000_000)
    while view:
        view = view[os.write(1, view) :]
