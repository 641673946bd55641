"""Reports numbers that are none.

@GROUP: channel
@EXPECTED: violation
@STOPPED_BY: wall
@NAIVE: no-result
"""

import os
import time

from grader import hookimpl


@hookimpl
def train(model):
    os.write(3, b'{"type":"progress","point":{"epoch":NaN,"steps":1,"samples":1,"seconds":Infinity}}\n')
    time.sleep(0.3)
    os._exit(0)
