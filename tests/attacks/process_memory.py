"""Reads the memory of another process of the same user, by its file in /proc.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    fd = os.open("/proc/@VICTIM_PID@/mem", os.O_RDONLY)
    print("LOOT:", os.pread(fd, 16, int("@ADDRESS@")))
