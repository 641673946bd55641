"""Asks for the size and the time of a file that it may not read. Known to stay open below `strict`.

@GROUP: targets
@EXPECTED: violation, crashed
@STOPPED_BY: namespaces, identity
@READS: yes
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", os.stat("@TARGETS@"))
