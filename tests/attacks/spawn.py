"""Spawns a process that nobody waits for.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import posix  # os.posix_spawn is guarded

from grader import hookimpl

pid = posix.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setsid=True)
print("LOOT: process", pid)


@hookimpl
def train(model):
    pass
