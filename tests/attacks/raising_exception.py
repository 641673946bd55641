"""Raises an exception that raises another when it is asked for its text.

@GROUP: objects
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: no-result
"""

from grader import hookimpl


class Worse(BaseException):
    def __str__(self):
        raise SystemExit(0)

    __repr__ = __str__


@hookimpl
def train(model):
    raise Worse
