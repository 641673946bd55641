"""Never ends building its model.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from grader import hookimpl


@hookimpl
def build_model(task):
    while True:
        time.sleep(0.01)
