"""Backdates a file in the home folder, as if it had been handed in on time.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.utime("@HOME@/dated", (0, 0))
    print("LOOT: changed a time in the home folder")
