"""Sets an extended attribute on a file in the home folder.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
@NEEDS: xattr
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.setxattr("@HOME@/marked", "user.owned", b"yes")
    print("LOOT: changed an attribute in the home folder")
