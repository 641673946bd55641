"""Writes what is no event on the harness's own descriptor.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os

from grader import hookimpl


@hookimpl
def train(model, train_loader):
    os.write(3, b"\xff\x00{garbage")
    for _ in train_loader:
        pass
