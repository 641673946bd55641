"""Never ends building its model.

@GROUP: endless
@EXPECTED: timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

from grader import hookimpl


@hookimpl
def build_model(task):
    while True:
        pass
