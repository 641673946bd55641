"""What may not happen before the clock starts: training, and loading data by oneself.

Both come from scripts pasted as they are. They are stopped where they begin, with a line that says
how to go on; what wants to get around them is left to the confinement.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.optim.optimizer import register_optimizer_step_pre_hook

from grader.worker.refusal import Refused

_NO_TRAINING = (
    "this file trains while it is imported: move the loop into train(model, train_loader) under @hookimpl; "
    "the data come as train_data and train_loader"
)


@contextmanager
def no_training_yet() -> Iterator[None]:
    """Refuse optimiser steps for as long as this lasts."""

    def refuse(*_: object) -> None:
        raise Refused(_NO_TRAINING)

    handle = register_optimizer_step_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()


def no_own_datasets(imports: tuple[str, ...]) -> None:
    """Refuse torchvision's data sets, from now on, where the submission imports torchvision."""
    if "torchvision" not in imports:
        return
    try:
        from torchvision.datasets.vision import VisionDataset
    except ImportError:
        return  # the submission's own import says what is wrong
    original = VisionDataset.__init__

    @functools.wraps(original)
    def refuse(dataset: Any, *args: Any, **kwargs: Any) -> None:
        kind = type(dataset)
        if kind.__module__.startswith("torchvision.") and kind.__name__ != "FakeData":
            raise Refused(
                f"{kind.__name__}(…) loads data by itself: drop it, the training set comes as the arguments "
                "train_data and train_loader of train()"
            )
        original(dataset, *args, **kwargs)

    sys.modules["torchvision.datasets.vision"].VisionDataset.__init__ = refuse
