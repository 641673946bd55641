"""Kills itself, and looks like a victim of the system's memory killer.

@GROUP: exits
@EXPECTED: out_of_memory, crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os
import signal

from grader import hookimpl


@hookimpl
def train(model):
    os.kill(os.getpid(), signal.SIGKILL)
