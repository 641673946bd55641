"""What can be trained on: a task's description, and what a task plugin provides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Kind = Literal["multiclass", "binary", "regression"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as submissions see it, in the `task` argument of every hook.

    Inputs arrive as float32 of shape (N, *input_shape): scaled to [0, 1] where they are stored as
    uint8, standardised by the training set where they are stored as float32.
    Targets: int64 (N,); float32 (N, 1) for regression.
    """

    name: str
    title: str
    kind: Kind
    input_shape: tuple[int, ...]  # (C, H, W) for images, (F,) for tables; () until prepared if data decides
    input_dtype: Literal["uint8", "float32"]  # as stored; a submission always sees float32
    classes: tuple[str, ...] = ()  # class names by index; empty for regression
    metric: str  # the primary metric, a key of Record.metrics
    higher_is_better: bool = True
    batch_size: int = 64  # of the default train_loader
    predict_batch: int = 1000  # samples handed to predict() at once
    budget: str  # the default, as Budget.parse reads it
    optimizer: str = "Adam"  # the default loop's, a name in torch.optim
    learning_rate: float = 1e-3
    baseline: str = "mlp-512-512"  # hidden widths of the model given to loops that bring none
    train_samples: int = 0  # 0 until prepared
    test_samples: int = 0
    target_mean: float = 0.0  # of the training targets; regression only
    target_std: float = 1.0
    digest: str = ""  # SHA-256 over all arrays; empty until prepared
    private: bool = False  # whether a private test set is held apart: test_samples does not count it
    show_test_samples: bool = (
        False  # whether a leaderboard may hold pictures of test samples: none of a private set
    )

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.classes)

    @property
    def outputs(self) -> int:
        """Width of what predict() returns: K for multiclass, 1 for binary and regression."""
        return len(self.classes) if self.kind == "multiclass" else 1

    @property
    def in_features(self) -> int:
        """Numbers in one input, flattened."""
        return math.prod(self.input_shape)

    @property
    def input_range(self) -> str:
        """The range of the inputs that a submission sees, in words."""
        return "[0, 1]" if self.input_dtype == "uint8" else "standardised"


class ArrayInfo(msgspec.Struct, frozen=True):
    """One array of a prepared task: raw little-endian C-order bytes in a file."""

    file: str
    dtype: str  # a numpy dtype name
    shape: tuple[int, ...]
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json` of a prepared task: its full description and its arrays.

    Array names: train_inputs, train_targets, test_inputs, test_targets; and private_inputs,
    private_targets where a private test set is held apart.
    """

    schema: int
    task: Task
    arrays: dict[str, ArrayInfo]
    source: str  # where the data came from, for people


@dataclass(frozen=True)
class Arrays:
    """What a preparer returns. Inputs uint8 or float32 (N, *shape); targets int64 (N,) or float32 (N, 1)."""

    train_inputs: npt.NDArray[np.generic]
    train_targets: npt.NDArray[np.generic]
    test_inputs: npt.NDArray[np.generic]
    test_targets: npt.NDArray[np.generic]
    classes: tuple[str, ...] = ()  # overrides the task's, where the data decides (image-csv)
    source: str = ""  # where the data came from, for people
    private_inputs: npt.NDArray[np.generic] | None = None  # of a private test set, held apart from the other
    private_targets: npt.NDArray[np.generic] | None = None


@dataclass(frozen=True)
class DataPlaces:
    """Where a preparer may look for, or put, original files."""

    data: Path | None  # the user's folder (--data, GRADER_DATA, config), in torchvision's layout
    downloads: Path  # ours, in the cache; searched when no folder was given, and downloaded into


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """What `grader_register_tasks` returns, one a task.

    `fingerprint` runs in the host: cheap, no heavy imports; it changes when the source does and
    names the cache entry. `prepare` runs in the preparer process alone, where torchvision and
    scikit-learn may be imported. Both raise TaskUnavailable with one line.
    """

    task: Task
    fingerprint: Callable[[DataPlaces], str]
    prepare: Callable[[DataPlaces], Arrays]
    hidden: tuple[Path, ...] = ()  # installed folders that hold its targets: no worker may read them
    private: tuple[Path, ...] = ()  # files and folders that tell its private test set: the host's user's own


TaskTables = Mapping[str, Mapping[str, object]]
"""The `[tool.grader.tasks.NAME]` tables of the configuration, by name."""
