"""Reads the targets through the root folder of another process: another path to the same file.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
"""

from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", Path("/proc/@VICTIM_PID@/root@TARGETS@").read_bytes()[:64:8])
