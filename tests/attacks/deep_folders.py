"""Nests folders so deep that whoever tidies up by recursion fails.

@GROUP: bombs
@EXPECTED: ok, violation
@STOPPED_BY: wall
@NAIVE: litter
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    start = os.getcwd()
    for _ in range(1100):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(start)
