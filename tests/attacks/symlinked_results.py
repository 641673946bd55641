"""Puts links where a harness would write its results: it would overwrite what they point to.

@GROUP: writing
@EXPECTED: ok, violation
@STOPPED_BY: wall
@NAIVE: home
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    os.symlink("@HOME@/linked", "predictions.npy")
    os.symlink("@HOME@", "home")  # and where it would tidy up, following it
