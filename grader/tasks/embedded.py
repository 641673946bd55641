"""Tasks that ship inside scikit-learn and need no network: digits, breast-cancer, diabetes."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import hookimpl
from grader.contract.task import Arrays, DataPlaces, Task, TaskDefinition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_VERSION = 1  # of what is made of scikit-learn's arrays
_SEED = 0  # of the splits
_TEST = 0.2  # of all samples


@hookimpl
def grader_register_tasks() -> Sequence[TaskDefinition]:
    """Three small tasks, one of each kind, with counted budgets: their results repeat exactly."""
    return [
        _definition(DIGITS, _prepare_digits),
        _definition(BREAST_CANCER, _prepare_breast_cancer),
        _definition(DIABETES, _prepare_diabetes),
    ]


DIGITS = Task(
    name="digits",
    title="Handwritten digits, 8 x 8 (scikit-learn)",
    kind="multiclass",
    input_shape=(1, 8, 8),
    input_dtype="uint8",
    classes=tuple("0123456789"),
    metric="accuracy",
    budget="30 epochs",
    show_test_samples=True,
)
BREAST_CANCER = Task(
    name="breast-cancer",
    title="Breast cancer Wisconsin, 30 measurements (scikit-learn)",
    kind="binary",
    input_shape=(30,),
    input_dtype="float32",
    classes=("malignant", "benign"),
    metric="accuracy",
    batch_size=32,
    budget="30 epochs",
    baseline="mlp-64-64",
    show_test_samples=True,
)
DIABETES = Task(
    name="diabetes",
    title="Diabetes progression after a year, 10 measurements (scikit-learn)",
    kind="regression",
    input_shape=(10,),
    input_dtype="float32",
    metric="mse",
    higher_is_better=False,
    batch_size=32,
    # More than that learns noise: 3,500 after 20 epochs, 4,800 after 100; a linear fit has 3,407, and
    # always saying the mean 5,098.
    budget="20 epochs",
    baseline="mlp-64-64",
    show_test_samples=True,
)


def _definition(task: Task, prepare: Callable[[], Arrays]) -> TaskDefinition:
    def fingerprint(_: DataPlaces) -> str:
        return f"embedded {_VERSION}, scikit-learn {_installed()}"

    return TaskDefinition(
        task=task, fingerprint=fingerprint, prepare=lambda _: prepare(), hidden=_inside_the_library()
    )


def _inside_the_library() -> tuple[Path, ...]:
    """Where scikit-learn keeps the originals: `load_digits()` in a submission would give it the targets."""
    spec = importlib.util.find_spec("sklearn")  # does not import it
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "datasets" / "data",)


def _installed() -> str:
    from importlib.metadata import version

    return version("scikit-learn")


def _prepare_digits() -> Arrays:
    import numpy as np
    from sklearn.datasets import load_digits

    from grader.tasks.split import stratified

    images, targets = load_digits(return_X_y=True)
    # The originals are counts of ink from 0 to 16. As 8-bit grey, 16 becomes 255 like any white, so
    # that uint8 / 255 spans [0, 1]. The 17 levels stay 17 levels: nothing is lost, and no level is
    # more than 0.2 % off sixteenths.
    grey = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return _split(grey, targets.astype(np.int64), *stratified(targets, _TEST, _SEED))


def _prepare_breast_cancer() -> Arrays:
    import numpy as np
    from sklearn.datasets import load_breast_cancer

    from grader.tasks.split import stratified

    table, targets = load_breast_cancer(return_X_y=True)
    train, test = stratified(targets, _TEST, _SEED)
    return _split(standardised(table, train), targets.astype(np.int64), train, test)


def _prepare_diabetes() -> Arrays:
    import numpy as np
    from sklearn.datasets import load_diabetes

    from grader.tasks.split import plain

    # scaled=True would standardise by all samples: the test set would leak into the inputs.
    table, targets = load_diabetes(return_X_y=True, scaled=False)
    train, test = plain(len(table), _TEST, _SEED)
    return _split(standardised(table, train), targets.astype(np.float32).reshape(-1, 1), train, test)


def standardised(table: npt.NDArray[np.float64], train: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the table with each column at mean 0, deviation 1 over its rows `train`; constants become 0.

    Sums are exactly rounded (fsum), so the bytes, and with them the task's digest, do not depend on
    how a machine adds up.
    """
    import numpy as np

    columns = np.empty(table.shape, np.float32)
    for index, column in enumerate(table.T):
        mean, deviation = moments(column[train])
        columns[:, index] = (column - mean) / (deviation or 1.0)
    return columns


def moments(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation (divided by n, not n - 1) of all values, by exact sums."""
    flat = values.ravel()
    mean = math.fsum(flat) / flat.size
    return mean, math.sqrt(math.fsum((flat - mean) ** 2) / flat.size)


def _split(
    inputs: npt.NDArray[np.generic],
    targets: npt.NDArray[np.generic],
    train: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
) -> Arrays:
    return Arrays(inputs[train], targets[train], inputs[test], targets[test], source="scikit-learn")
