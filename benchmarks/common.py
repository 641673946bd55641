"""What the benchmarks share: where things are, pairs of runs, medians, tables."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from grader.contract.budget import Budget
from grader.contract.isolation import LAYERS, Isolation, Layer
from grader.contract.task import Task
from grader.contract.trial import Trial
from grader.host import device
from grader.host.collect import collect
from grader.host.data import PreparedTask, cache_root, data_places, open_task
from grader.host.sandbox import Sandbox
from grader.host.server import WorkerServer
from grader.host.settings import make_config
from grader.plugins import TASKS, harness_manager, task_definitions

ROOT = Path(__file__).parents[1]


def parser(about: str | None, repeats: int = 5) -> argparse.ArgumentParser:
    """Return a parser with the options that all have."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="holds FashionMNIST/"
    )
    made.add_argument("--repeats", type=int, default=repeats)
    return made


def headline() -> None:
    """Print what the figures were taken on."""
    load = os.getloadavg()[0]
    print(
        f"{device.processor_name()}, {device.available_cores()} cores, load {load:.1f}; "
        f"Python {platform.python_version()}, torch {version('torch')}"
    )


def table(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> None:
    """Print a table."""
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"), flush=True)


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def pairs(repeats: int, *works: Callable[[], float]) -> list[list[float]]:
    """Do all, one after the other, and all again: what slows the machine down slows them all."""
    return [
        list(column) for column in zip(*([work() for work in works] for _ in range(repeats)), strict=True)
    ]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the pairs' ratios."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def python(*arguments: str, threads: int | None = None) -> str:
    """Run a fresh interpreter and return what it printed."""
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout


@contextmanager
def places() -> Iterator[Path]:
    """A temporary folder that holds cache, state and leaderboard."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADER_CACHE"] = f"{folder}/cache"
        os.environ["GRADER_STATE"] = f"{folder}/state"
        yield Path(folder)


@contextmanager
def opened(name: str, data: Path) -> Iterator[PreparedTask]:
    """A task with its data, prepared in the temporary cache."""
    definition = task_definitions(harness_manager((), TASKS), {})[name]
    with ExitStack() as stack:
        task = open_task(definition, data_places(make_config(data=data)), cache_root())
        yield stack.enter_context(task)


@contextmanager
def server_for(
    folder: Path, *, layers: frozenset[Layer] = LAYERS[Isolation.LANDLOCK], many: bool = False
) -> Iterator[WorkerServer]:
    """A worker server, at the usual level or with these layers, for submissions in the folder."""
    with (
        closing(Sandbox(layers, folders=[folder])) as sandbox,
        closing(WorkerServer(sandbox, device_kind="cpu", many=many)) as server,
    ):
        yield server


def trial(source: str, folder: Path, task: Task, budget: str, threads: int | None = None) -> Trial:
    """A trial of this source, written into the folder."""
    path = folder / "submission_of_the_benchmark.py"
    path.write_text(source)
    (submission,) = collect(make_config(paths=[path]), harness_manager())
    assert not submission.problem, submission.problem
    return Trial(
        submission=submission,
        task=task,
        budget=Budget.parse(budget),
        seed=0,
        device=device.choose("cpu")[0],
        threads=device.threads(threads),
    )
