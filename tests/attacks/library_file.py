"""Reads the data file of the library, without the library.

@GROUP: datasets
@EXPECTED: violation
@STOPPED_BY: landlock
"""

import gzip
import sysconfig

from grader import hookimpl

folder = sysconfig.get_paths()["purelib"]
with gzip.open(f"{folder}/sklearn/datasets/data/digits.csv.gz") as file:
    print("LOOT:", file.readline()[:16])


@hookimpl
def train(model):
    pass
