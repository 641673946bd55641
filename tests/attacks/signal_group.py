"""Signals the whole process group of the host, at one blow.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.killpg(os.getpgid(int("@HOST_PID@")), 0)
    print("LOOT: may signal the host and all its group")
