"""Loads the test set out of the library that carries it.

@GROUP: datasets
@EXPECTED: violation
@STOPPED_BY: landlock
"""

from sklearn.datasets import load_digits

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", load_digits().target[:8])
