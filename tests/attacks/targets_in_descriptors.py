"""Looks for the targets behind every descriptor that it may have inherited.

@GROUP: targets
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: loot
"""

import os

from grader import hookimpl

SIZE = 8 * 359  # int64 of the test samples


@hookimpl
def train(model):
    for fd in range(1024):
        try:
            data = os.pread(fd, SIZE + 1, 0)
        except OSError:
            continue
        if len(data) == SIZE:
            print("LOOT:", fd, data[:64:8])
