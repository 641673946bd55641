"""Never ends predicting the test set. The untrained sample of it goes well.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import time

from grader import hookimpl


@hookimpl
def predict(model, inputs):
    if len(inputs) > 256:
        time.sleep(600)
    return model(inputs)
