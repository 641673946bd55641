"""Moves a copy of the targets into its own folder, reads them and puts them back.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

import os
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    os.rename("@TARGETS@.old", "answers")
    print("LOOT:", Path("answers").read_bytes()[:64:8])
    os.rename("answers", "@TARGETS@.old")
