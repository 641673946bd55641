"""Signals the worker server, its own parent: without it nobody is scored.

@GROUP: signals
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp, identity
"""

import os

from grader import hookimpl

os.kill(os.getppid(), 0)
print("LOOT: may signal the worker server")


@hookimpl
def train(model):
    pass
