"""Goes on training in a process of its own after the clock has stopped.

@GROUP: off-clock
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os
import posix  # os.fork is guarded
import time

from grader import hookimpl


@hookimpl
def train(model):
    if posix.fork() == 0:
        time.sleep(600)
        os._exit(0)
    print("LOOT: a second process at work")
