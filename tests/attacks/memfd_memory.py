"""Takes 160 MiB in memory files that it never maps: neither its own memory nor anybody's file.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    for _ in range(20):
        os.write(os.memfd_create("hoard"), bytes(8 << 20))
    print("LOOT: 160 MiB")
