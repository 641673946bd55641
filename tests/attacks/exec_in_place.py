"""Becomes another program, which knows nothing of the harness.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.execv("/bin/echo", ["echo", "LOOT: another program"])
