"""The training data in a worker: arrays mapped once, batches gathered by one vectorised index.

Nothing here is done sample by sample in Python: that is what makes a DataLoader over PNG-sized images
some fifty times slower than the training it feeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import Dataset

from grader.contract.memory import map_private
from grader.contract.task import Task
from grader.worker.budget import RunningBudget
from grader.worker.progress import Progress

Batch = tuple[torch.Tensor, torch.Tensor]
TargetTransform = Callable[[int], torch.Tensor]

# Batches gathered at once. Indexing batch by batch reaches half the speed, 32 fall out of the cache and are
# 15 % slower than 16; starting at one keeps the first batch as quick as a plain index.
_LARGEST_CHUNK = 16


def map_tensor(fd: int, dtype: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor over a memory file, without a copy. Writing to it changes this process alone."""
    return torch.frombuffer(map_private(fd), dtype=getattr(torch, dtype)).view(shape)


def as_float(inputs: torch.Tensor) -> torch.Tensor:
    """Return new float32 inputs: uint8 scaled to [0, 1] as ToTensor does, bit for bit; tables as they are."""
    if inputs.dtype == torch.uint8:
        return inputs.float().div_(255)  # times 1/255 would give other bits
    return inputs.clone()


class Samples(Dataset[tuple[torch.Tensor, "int | torch.Tensor"]]):
    """The training set one sample at a time, for those who bring their own DataLoader. On the CPU."""

    def __init__(self, data: TrainData) -> None:
        self._data = data
        self.classes = data.task.classes

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int | torch.Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)  # ends `for sample in dataset`
        inputs, targets = self._data.gather(torch.tensor([index % len(self)]))
        target = targets[0]
        return as_float(inputs)[0], target if target.is_floating_point() else int(target)


class TrainData:
    """The `train_data` argument of `train`: the training set, whole or split. Test data are never here."""

    def __init__(
        self,
        task: Task,
        raw: Batch,
        device: torch.device,
        seed: int,
        budget: RunningBudget | None,
        progress: Progress | None,
        rows: torch.Tensor | None = None,
    ) -> None:
        self.task = task
        self.device = device
        self._raw = raw
        self._rows = rows  # int64 indices into the raw arrays; None for all, in order
        self._seed = seed
        self._budget = budget  # None where batches are not metered: a validation set
        self._progress = progress
        self._resident: Batch | None = None

    def __len__(self) -> int:
        return len(self._raw[1]) if self._rows is None else len(self._rows)

    @property
    def inputs(self) -> torch.Tensor:
        """All inputs, float32 (N, *input_shape), on the device. A copy of four times the stored size."""
        return as_float(
            self.on_device()[0] if self._rows is None else self.on_device()[0][self._rows_there()]
        )

    @property
    def targets(self) -> torch.Tensor:
        """All targets on the device, int64 (N,), or float32 (N, 1) for regression."""
        targets = self.on_device()[1]
        return targets.clone() if self._rows is None else targets[self._rows_there()]

    @property
    def dataset(self) -> Samples:
        """The same samples as a torch Dataset of (float32 tensor, int)."""
        return Samples(self)

    def loader(
        self,
        batch_size: int | None = None,
        *,
        shuffle: bool = True,
        drop_last: bool = False,
        target_transform: TargetTransform | None = None,
    ) -> Loader:
        """Return a loader over these samples, metered by the budget.

        `target_transform` is called once a class with its index, as torchvision calls it on each label.
        """
        size = self.task.batch_size if batch_size is None else batch_size
        return Loader(self, size, shuffle, drop_last, target_transform)

    def split(self, fraction: float = 0.1) -> tuple[TrainData, TrainData]:
        """Return (training part, validation part of that fraction), disjoint, at random by the seed.

        Passes over the validation part cost time but no epochs, steps or samples.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"split(fraction) must lie between 0 and 1, not {fraction}")
        rows = torch.arange(len(self)) if self._rows is None else self._rows
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(self._seed))
        cut = min(max(1, round(len(rows) * fraction)), len(rows) - 1)  # neither part is ever empty
        return self._part(rows[order[cut:]], self._budget), self._part(rows[order[:cut]], None)

    def gather(self, index: torch.Tensor) -> Batch:
        """Return raw inputs and targets at these positions, on the CPU."""
        rows = index if self._rows is None else self._rows[index]
        return self._raw[0].index_select(0, rows), self._raw[1].index_select(0, rows)

    def on_device(self) -> Batch:
        """Return the raw arrays on the device; moved there once."""
        if self._resident is None:
            self._resident = (self._raw[0].to(self.device), self._raw[1].to(self.device))
        return self._resident

    def _rows_there(self) -> torch.Tensor:
        assert self._rows is not None
        return self._rows.to(self.device)

    def _part(self, rows: torch.Tensor, budget: RunningBudget | None) -> TrainData:
        progress = self._progress if budget else None
        part = TrainData(self.task, self._raw, self.device, self._seed, budget, progress, rows)
        part._resident = self.on_device()
        return part


class Loader:
    """Behaves like a DataLoader whose batches lie on the device already, and ends when the budget does.

    Batches: inputs float32 (B, *input_shape); targets int64 (B,), or float32 (B, 1) for regression. When
    the budget runs out, the pass ends as if its data had ended; the next pass raises BudgetExhausted.
    """

    def __init__(
        self,
        data: TrainData,
        batch_size: int,
        shuffle: bool,
        drop_last: bool,
        target_transform: TargetTransform | None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if drop_last and batch_size > len(data):  # `while True` over no batch would spin until it is killed
            raise ValueError(
                f"drop_last leaves no batch: batch_size is {batch_size}, and there are {len(data)} samples"
            )
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._data = data
        self._shuffle = shuffle
        self._generator = torch.Generator().manual_seed(data._seed)
        self._table = _transform_table(data.task, target_transform)

    @property
    def dataset(self) -> Samples:
        """The samples as a torch Dataset; `len(loader.dataset)` is the size of the training set."""
        return self._data.dataset

    def __len__(self) -> int:
        return math.ceil(self._samples_a_pass() / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        budget, progress = self._data._budget, self._data._progress
        if budget is None or progress is None:
            yield from self._batches()
            return
        length = self._samples_a_pass()
        budget.check()
        for batch in self._batches():
            budget.count(len(batch[1]), length)
            progress.tick()
            yield batch
            if budget.exhausted:
                budget.loader_ended = True
                break
        progress.epoch_ended()
        budget.epoch_ended()

    def _samples_a_pass(self) -> int:
        total = len(self._data)
        return total - total % self.batch_size if self.drop_last else total

    def _order(self) -> torch.Tensor | None:
        """Positions in the raw arrays, in the order of this pass; None for all of them as they lie."""
        rows = self._data._rows
        if self._shuffle:
            order = torch.randperm(len(self._data), generator=self._generator)
            rows = order if rows is None else rows[order]
        return None if rows is None else rows.to(self._data.device)

    def _batches(self) -> Iterator[Batch]:
        inputs, targets = self._data.on_device()
        order, size, stop = self._order(), self.batch_size, self._samples_a_pass()
        start, batches = 0, 1
        while start < stop:
            end = min(start + batches * size, stop)
            x, y = _take(inputs, order, start, end), _take(targets, order, start, end)
            yield from zip(as_float(x).split(size), self._transformed(y).split(size), strict=True)
            start, batches = end, min(2 * batches, _LARGEST_CHUNK)

    def _transformed(self, targets: torch.Tensor) -> torch.Tensor:
        # cloned where not gathered: a loop that writes into its batch must not write into the data
        return targets.clone() if self._table is None else self._table[targets]


def _take(values: torch.Tensor, order: torch.Tensor | None, start: int, end: int) -> torch.Tensor:
    return values[start:end] if order is None else values.index_select(0, order[start:end])


def _transform_table(task: Task, transform: TargetTransform | None) -> torch.Tensor | None:
    if transform is None:
        return None
    if task.kind == "regression":
        raise ValueError("target_transform is for tasks with classes; transform the batch instead")
    return torch.stack([torch.as_tensor(transform(index)) for index in range(task.num_classes)])
