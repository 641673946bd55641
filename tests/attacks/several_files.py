"""Writes 12 MiB into its scratch folder in files that are small enough each.

@GROUP: bombs
@EXPECTED: violation
@STOPPED_BY: watchdog
"""

import time
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    for number in range(12):
        Path(f"part-{number}").write_bytes(bytes(1 << 20))
    time.sleep(1.5)
    print("LOOT: 12 MiB")
