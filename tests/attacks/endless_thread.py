"""Never ends its process: a thread that is no daemon keeps it alive.

@GROUP: endless
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: hang
"""

import threading
import time

from grader import hookimpl

threading.Thread(target=time.sleep, args=[600]).start()


@hookimpl
def train(model):
    pass
