"""Stops itself, to stay for ever without using any time.

@GROUP: exits
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import os
import signal

from grader import hookimpl


@hookimpl
def train(model):
    os.kill(os.getpid(), signal.SIGSTOP)
