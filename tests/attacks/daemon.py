"""Leaves a daemon behind, in a session of its own, by forking twice.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os
import posix  # os.fork is guarded
import signal
import time

from grader import hookimpl


@hookimpl
def train(model):
    if posix.fork() == 0:
        os.setsid()
        if posix.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    print("LOOT: a daemon is left")
