"""Empties a file in the home folder without opening it.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity, seccomp
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.truncate("@HOME@/truncated", 0)
    print("LOOT: emptied a file of the home folder")
