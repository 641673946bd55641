"""Splits into a training and a test set that come out the same on every machine and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def stratified(
    targets: npt.NDArray[np.int64], fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split so that each class gives `fraction` of its samples, and at least one, to the test set.

    Returns the indices of the training and of the test samples, in an order that the seed decides: a
    file sorted by class would else feed a loop that does not shuffle one class after the other.
    Raises ValueError for a class with fewer than two samples; its argument is the class's index.
    """
    random = _random(seed)
    train, test = [], []
    for label in np.unique(targets):
        members = random.permutation(np.flatnonzero(targets == label))
        if len(members) < 2:
            raise ValueError(int(label))
        count = min(max(round(len(members) * fraction), 1), len(members) - 1)
        test.append(members[:count])
        train.append(members[count:])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def plain(samples: int, fraction: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split without regard to targets, as for regression. Returns training and test indices."""
    order = _random(seed).permutation(samples)
    count = round(samples * fraction)
    return order[count:], order[:count]


def _random(seed: int) -> np.random.RandomState:
    # The stream of RandomState is frozen for good (NEP 19); that of default_rng may change with numpy.
    return np.random.RandomState(seed)
