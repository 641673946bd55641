"""Forks until the machine has no room for processes. This one ends after 20.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os
import posix  # os.fork is guarded
import time

from grader import hookimpl


@hookimpl
def train(model):
    for _ in range(20):
        if posix.fork() == 0:
            time.sleep(600)
            os._exit(0)
    print("LOOT: 20 processes")
