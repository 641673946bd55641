"""Opens a private file of the home folder to everybody. Landlock does not restrict modes.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.chmod("@HOME@/changed", 0o666)
    print("LOOT: changed a mode in the home folder")
