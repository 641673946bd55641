"""Renames a file in the home folder.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.rename("@HOME@/renamed", "@HOME@/gone")
    print("LOOT: renamed a file of the home folder")
