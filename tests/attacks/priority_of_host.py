"""Sets the priority of the host, to the value that it has: a slow host keeps a slow clock.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    now = os.getpriority(os.PRIO_PROCESS, int("@HOST_PID@"))
    os.setpriority(os.PRIO_PROCESS, int("@HOST_PID@"), now)
    print("LOOT: may set the host's priority")
