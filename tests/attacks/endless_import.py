"""Never ends importing.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from grader import hookimpl

time.sleep(600)


@hookimpl
def train(model):
    pass
