"""Reads the targets through a link in its own folder.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
@READS: yes
"""

import os
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    os.symlink("@TARGETS@", "answers")
    print("LOOT:", Path("answers").read_bytes()[:64:8])
