"""Reads the environment of another process of the same user: keys and passwords often stand there.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

from pathlib import Path

from grader import hookimpl

if b"ANSWERS=" in Path("/proc/@VICTIM_PID@/environ").read_bytes():
    print("LOOT: the environment of another process")


@hookimpl
def train(model):
    pass
