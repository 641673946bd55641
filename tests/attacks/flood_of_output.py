"""Prints 30 MB.

@GROUP: channel
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: flood
"""

import sys

from grader import hookimpl


@hookimpl
def train(model):
    for _ in range(30):
        print("FLOOD " * 100_000)
        print("FLOOD " * 66_666, file=sys.stderr)
