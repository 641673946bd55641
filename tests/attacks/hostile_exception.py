"""Raises an exception whose text is never finished.

@GROUP: objects
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from grader import hookimpl


class Slow(Exception):
    def __str__(self):
        time.sleep(600)


@hookimpl
def train(model):
    raise Slow
