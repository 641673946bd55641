"""Takes all rights from a folder in its scratch, so that the host cannot remove it.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import os
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    os.mkdir("locked")
    Path("locked/file").touch()
    os.chmod("locked", 0)
    print("LOOT: locked a folder")
