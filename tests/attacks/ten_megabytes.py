"""Raises an error whose text has 10 MB.

@GROUP: text
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: flood
"""

from grader import hookimpl


@hookimpl
def train(model):
    raise ValueError("A|" * 5_000_000)
