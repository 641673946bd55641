"""Reads the secret by which the host orders the test inputs.

@GROUP: targets
@EXPECTED: violation
@STOPPED_BY: landlock, identity
@READS: yes
"""

from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", len(Path("@STATE@/secret").read_bytes()), "bytes")
