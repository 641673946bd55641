"""Leaves a daemon behind, in a session of its own, by forking twice.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os
import signal
import time

from grader import hookimpl


@hookimpl
def train(model):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    print("LOOT: a daemon is left")
