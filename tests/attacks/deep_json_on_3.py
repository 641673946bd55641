"""Sends JSON so deep that a parser runs out of its stack.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    os.write(3, b"[" * 100_000 + b"\n")
    time.sleep(0.3)
    os._exit(0)
