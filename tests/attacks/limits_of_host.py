"""Sets a resource limit of the host, to the value that it has.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import resource

from grader import hookimpl


@hookimpl
def train(model):
    now = resource.prlimit(int("@HOST_PID@"), resource.RLIMIT_NOFILE)
    resource.prlimit(int("@HOST_PID@"), resource.RLIMIT_NOFILE, now)
    print("LOOT: may set the host's limits")
