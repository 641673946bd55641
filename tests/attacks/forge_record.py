"""Writes a record of its own into the leaderboard.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    Path("@LEADERBOARD@/forged.json").write_text('{"accuracy": 1.0}')
    print("LOOT: wrote into the leaderboard")
