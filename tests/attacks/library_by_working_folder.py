"""Goes into the library's data folder first, and opens the file by its name alone.

@GROUP: datasets
@EXPECTED: violation
@STOPPED_BY: landlock
"""

import os
import sysconfig
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    os.chdir(Path(sysconfig.get_paths()["purelib"], "sklearn/datasets/data"))
    print("LOOT:", Path("digits.csv.gz").read_bytes()[:16])
