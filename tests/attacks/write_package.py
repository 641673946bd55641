"""Opens a file of the installed grader package for writing. Nothing is written: it is everybody's.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
@NEEDS: own-package
"""

import grader
from grader import hookimpl

open(grader.__file__, "a").close()
print("LOOT: may change the package")


@hookimpl
def train(model):
    pass
