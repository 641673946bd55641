"""Works in more processes than the one that is watched.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import multiprocessing

from grader import hookimpl


@hookimpl
def train(model):
    child = multiprocessing.get_context("fork").Process(target=print, args=["LOOT: a second process"])
    child.start()
    child.join()
