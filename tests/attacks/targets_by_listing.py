"""Lists the host's cache, to learn what lies there.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
@READS: yes
"""

import os

from grader import hookimpl

seen = os.listdir("@CACHE@")
print("LOOT:", seen)


@hookimpl
def train(model):
    pass
