"""Signals the host through a descriptor of it.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import os
import signal

from grader import hookimpl


@hookimpl
def train(model):
    signal.pidfd_send_signal(os.pidfd_open(int("@HOST_PID@")), 0)
    print("LOOT: may signal the host")
