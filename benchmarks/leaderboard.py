"""How long `grader leaderboard` takes on many records: the function, and the whole process.

    python benchmarks/leaderboard.py [N] [--seeds K] [--samples S]

Prints medians of 5, and the peak memory of the function's process. N records (1,000 unless told), K a
submission, and S test samples in each evidence file.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pluggy

from grader import hookspecs
from grader.contract.status import Status
from grader.host.reports import csv, json, markdown
from grader.host.store import Store

ROOT = Path(__file__).parents[1]
REPEATS = 5
FUNCTION = "import sys, benchmarks.leaderboard as b; b.regenerated(sys.argv[1])"
COMMAND = "import sys; from grader.host.cli import main; main()"


def main() -> None:
    """Make the records, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=int, nargs="?", default=1000)
    parser.add_argument("--seeds", type=int, default=1, help="records a submission")
    parser.add_argument("--samples", type=int, default=500, help="test samples in each evidence file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        fill(Path(folder), options.records, options.seeds, options.samples)
        each = (time.perf_counter() - started) / options.records
        print(f"{options.records} records written, {1000 * each:.2f} ms each (fsync included)")
        print(f"regenerate(), warm          {median(lambda: regenerated(folder)):7.3f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of this process {peak:7.0f} MiB")
        print(f"a process that calls it     {median(lambda: process('-c', FUNCTION, folder)):7.3f} s")
        if (ROOT / "grader/host/cli.py").exists():
            line = ("-c", COMMAND, "leaderboard", "--leaderboard", folder)
            print(f"grader leaderboard          {median(lambda: process(*line)):7.3f} s")


def fill(folder: Path, records: int, seeds: int, samples: int) -> None:
    """Write synthetic records with evidence."""
    sys.path.insert(0, str(ROOT / "tests"))
    import factories

    store = Store(folder)
    proof = factories.evidence(correct=samples * 9 // 10, samples=samples)
    for record in factories.board(max(1, records // seeds), seeds):
        store.write(record, proof if record.status == Status.OK else None)


def regenerated(folder: str) -> None:
    """The work of the command, without the command."""
    from grader.host.leaderboard import regenerate

    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.HarnessHooks)
    for module in (markdown, csv, json):
        manager.register(module)
    _, problems, _ = regenerate(Path(folder), manager)
    assert not problems


def process(*arguments: str) -> None:
    """A fresh interpreter, quiet."""
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def median(work: Callable[[], object]) -> float:
    """Seconds, median of 5."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
