"""`train_loader` alone against `DataLoader(FashionMNIST, ToTensor)`: shuffled batches of 64, one process.

python benchmarks/loader.py --data ../shared/data
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

os.environ["GOMP_SPINCOUNT"] = "1000"  # as in a worker; read when torch is loaded

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from grader.contract.budget import Budget
from grader.contract.events import Event
from grader.host.data import PreparedTask
from grader.worker.budget import RunningBudget
from grader.worker.data import Loader, TrainData, map_tensor
from grader.worker.progress import LossMeter, Progress

from common import headline, opened, pairs, parser, places, table

BATCH = 64


class Nobody:
    """Stands in for the channel to the host."""

    def send(self, event: Event) -> None:
        """Forget it."""


def main() -> None:
    """Time passes, print ratios."""
    options = parser(__doc__)
    options.add_argument("--samples", type=int, default=20_000, help="how far the DataLoader is let go")
    options.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    asked = options.parse_args()
    headline()
    with places(), opened("fashion-mnist", asked.data) as task:
        rows = [row(threads, task, asked.data, asked.repeats, asked.samples) for threads in asked.threads]
    table(rows, ["threads", "DataLoader, samples/s", "train_loader, samples/s", "times as many"])


def row(threads: int, task: PreparedTask, data: Path, repeats: int, samples: int) -> list[object]:
    """Rates at this number of threads."""
    torch.set_num_threads(threads)
    ours = metered(task)
    theirs = DataLoader(FashionMNIST(data, transform=ToTensor()), batch_size=BATCH, shuffle=True)
    rate(ours, 5 * len(ours))
    slow, fast = pairs(repeats, lambda: rate(theirs, samples // BATCH), lambda: rate(ours, 5 * len(ours)))
    times = statistics.median(b / a for a, b in zip(slow, fast, strict=True))
    return [threads, f"{statistics.median(slow):,.0f}", f"{statistics.median(fast):,.0f}", f"{times:.0f}"]


def metered(task: PreparedTask) -> Loader:
    """The loader that `train` gets, under a budget that never ends."""
    raw = [map_tensor(fd, info.dtype, info.shape) for info, fd in task.train_files()]
    budget = RunningBudget(Budget(epochs=1e9), time.monotonic(), len(raw[1]))
    progress = Progress(Nobody(), budget, LossMeter())  # type: ignore[arg-type]  # only send() is used
    data = TrainData(task.task, (raw[0], raw[1]), torch.device("cpu"), 0, budget, progress)
    return data.loader(BATCH, shuffle=True)


def rate(loader: Iterable[tuple[torch.Tensor, torch.Tensor]], batches: int) -> float:
    """Samples a second over so many batches, in as many passes as that takes."""
    seen = 0
    passes = itertools.chain.from_iterable(itertools.repeat(loader))
    started = time.perf_counter()
    for _, targets in itertools.islice(passes, batches):
        seen += len(targets)
    return seen / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
