"""Leaves a file in the cache of prepared tasks.

@GROUP: writing
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    Path("@CACHE@/poison").write_text("x")
    print("LOOT: wrote into the cache")
