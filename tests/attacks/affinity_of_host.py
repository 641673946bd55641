"""Chooses the processors that the host may run on: those that it has.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.sched_setaffinity(int("@HOST_PID@"), os.sched_getaffinity(int("@HOST_PID@")))
    print("LOOT: may choose the host's processors")
