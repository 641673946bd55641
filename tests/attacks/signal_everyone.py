"""Signals every process that it may, at one blow.

@GROUP: signals
@EXPECTED: violation, crashed
@STOPPED_BY: landlock, seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.kill(-1, 0)
    print("LOOT: may signal others")
