"""What a calibration costs, and how alike ten of them are: alone, and beside a process that is always busy.

python benchmarks/calibration.py
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from grader.contract.record import Calibration
from grader.host import device
from grader.host.calibrate import calibrate
from grader.host.nodes import NOISY, SLOW
from grader.host.server import WorkerServer

from common import headline, parser, places, server_for, table, timed

HEADERS = [
    "", "a calibration, s", "seconds: median", "fastest, slowest", "spread: median", "least, most",
    "slow", "noisy",
]  # fmt: skip


def main() -> None:
    """Time, print."""
    asked = parser(__doc__, repeats=10).parse_args()
    headline()
    core = max(os.sched_getaffinity(0))
    with places() as folder, server_for(folder) as server:
        taken(server, 1, core)  # the server imports torch
        alone, costs = taken(server, asked.repeats, core)
        with busy(core):
            beside, costs_beside = taken(server, asked.repeats, core)
    usual = statistics.median(each.seconds for each in alone)
    rows = [row("alone", alone, costs, usual), row("beside a busy process", beside, costs_beside, usual)]
    table(rows, HEADERS)


def taken(server: WorkerServer, repeats: int, core: int) -> tuple[list[Calibration], list[float]]:
    """So many calibrations on this core, and the seconds that each took in all."""
    where, found = device.choose("cpu")[0], []
    costs = [timed(lambda: found.append(calibrate(server, where, 1, cores=(core,)))) for _ in range(repeats)]
    return found, costs


@contextmanager
def busy(core: int) -> Iterator[None]:
    """A process that keeps the core busy."""
    process = multiprocessing.get_context("spawn").Process(target=spin, args=(core,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def spin(core: int) -> None:
    """Never return."""
    os.sched_setaffinity(0, {core})
    while True:
        pass


def row(name: str, found: Sequence[Calibration], costs: Sequence[float], usual: float) -> list[object]:
    """How alike they are, and how many of them would be remarked on."""
    seconds, spreads = [each.seconds for each in found], [each.spread for each in found]
    return [
        name,
        f"{statistics.median(costs):.2f}",
        f"{statistics.median(seconds):.3f}",
        f"{min(seconds):.3f}, {max(seconds):.3f}",
        f"{statistics.median(spreads):.2f}",
        f"{min(spreads):.2f}, {max(spreads):.2f}",
        f"{sum(each > SLOW * usual for each in seconds)} of {len(found)}",
        f"{sum(each > NOISY for each in spreads)} of {len(found)}",
    ]


if __name__ == "__main__":
    main()
