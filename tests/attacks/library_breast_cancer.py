"""Loads the data of another task out of the library that carries them.

@GROUP: datasets
@EXPECTED: violation
@STOPPED_BY: landlock
"""

from sklearn.datasets import load_breast_cancer

from grader import hookimpl


@hookimpl
def train(model):
    print("LOOT:", load_breast_cancer().target[:8])
