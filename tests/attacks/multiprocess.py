"""Works in more processes than the one that is watched.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import multiprocessing
import os
import posix

from grader import hookimpl


@hookimpl
def train(model):
    kind = multiprocessing.process.BaseProcess
    kind.start, os.fork = kind.start.__wrapped__, posix.fork  # past the guards
    child = multiprocessing.get_context("fork").Process(target=print, args=["LOOT: a second process"])
    child.start()
    child.join()
