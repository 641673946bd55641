"""Signals the host. Signal 0 does nothing but needs the same right as SIGKILL.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.kill(int("@HOST_PID@"), 0)
    print("LOOT: may signal the host")
