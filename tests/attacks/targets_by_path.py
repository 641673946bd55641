"""Reads the test targets from the host's cache.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
@READS: yes
"""

from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", Path("@TARGETS@").read_bytes()[:64:8])
