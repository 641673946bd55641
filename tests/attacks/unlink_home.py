"""Deletes a file in the home folder.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.unlink("@HOME@/deleted")
    print("LOOT: deleted a file of the home folder")
