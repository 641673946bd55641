"""Links the targets into its own folder, where it may read.

@GROUP: targets
@EXPECTED: violation, crashed
@STOPPED_BY: landlock, identity
"""

import os
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    os.link("@TARGETS@", "answers")
    print("LOOT:", Path("answers").read_bytes()[:64:8])
