"""Never ends its process: what it left to be done at exit takes for ever.

@GROUP: endless
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: hang
"""

import atexit
import time

from grader import hookimpl

atexit.register(time.sleep, 600)


@hookimpl
def train(model):
    pass
