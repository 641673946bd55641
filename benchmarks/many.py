"""Many trials: what one costs that does nothing, what a second slot is worth, and a run where all is done.

    python benchmarks/many.py [--trials 200] [--trainings 40] [--done 1000]

Trials are timed from the first one's end, when the worker server is there, to the last one's, in sessions
that take turns with one and with two slots. The rival is a process that imports torch: what each would begin
with as a script.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from argparse import Namespace
from functools import partial
from pathlib import Path

from grader import hookimpl
from grader.host.session import Session
from grader.host.settings import make_config
from grader.plugins import harness_manager

from common import headline, pairs, parser, places, python, ratio, table, timed
from noop_trial import NOTHING

MODEL = """
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(task.in_features, 256), nn.ReLU(), nn.Linear(256, task.outputs)
    )
"""
TELL = """
import sys
from grader.host.cli import main
try:
    main(sys.argv[1:])
finally:
    assert "torch" not in sys.modules
"""


class Clock:
    """Seconds from the first trial's end to the last one's."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    @hookimpl
    def grader_trial_finish(self) -> None:
        """One more."""
        self.last = time.perf_counter()
        self.first = self.first or self.last


def main() -> None:
    """Time, print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--trials", type=int, default=200)
    options.add_argument("--trainings", type=int, default=40)
    options.add_argument("--done", type=int, default=1000)
    options.add_argument("--isolation", default="auto")
    asked = options.parse_args()
    headline()
    with places() as folder:
        rows = [
            slots_against("doing nothing", folder / "nothing", NOTHING, asked.trials, "1 step", asked),
            slots_against("training", folder / "training", MODEL, asked.trainings, "10 epochs", asked),
        ]
        table(rows, ["trials", "number", "-n 1, ms each", "-n 2, ms each", "-n 2 / -n 1"])
        torch = statistics.median(timed(lambda: python("-c", "import torch")) for _ in range(3))
        print(f"a process that imports torch: {1000 * torch:.0f} ms\n")
        table([done(folder / "done", asked.done, asked.repeats)], ["all done", "trials", "seconds"])


def slots_against(
    what: str, folder: Path, source: str, trials: int, budget: str, asked: Namespace
) -> list[object]:
    """Milliseconds a trial with one slot and with two, and the median of the pairs' ratios."""
    write(folder, source, trials)
    one, two = pairs(
        asked.repeats, *(partial(run, folder, budget, slots, 1, asked.isolation) for slots in (1, 2))
    )
    each = (1000 * statistics.median(seconds) / (trials - 1) for seconds in (one, two))
    return [what, trials, *each, ratio(two, one)]


def done(folder: Path, trials: int, repeats: int) -> list[object]:
    """Seconds of a whole `grader run` that finds all its trials done, five seeds a submission."""
    write(folder, NOTHING, trials // 5)
    run(folder, "1 step", 2, seeds=5)
    words = (
        "run",
        str(folder / "subs"),
        "--budget",
        "1 step",
        "--seeds",
        "5",
        "--threads",
        "1",
        "--device",
        "cpu",
    )
    command = [sys.executable, "-c", TELL, *words]

    def again() -> None:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    return ["grader run", trials, statistics.median(timed(again) for _ in range(max(5, repeats)))]


def write(folder: Path, source: str, number: int) -> None:
    """Write so many submissions, none like another."""
    (folder / "subs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.grader]\n")
    for at in range(number):
        (folder / "subs" / f"s{at:04}.py").write_text(f"{source}\n# {at}\n")


def run(folder: Path, budget: str, slots: int, seeds: int, isolation: str = "auto") -> float:
    """Run all that lies in the folder; return the seconds between the first end and the last."""
    config = make_config(
        cwd=folder, paths=[folder / "subs"], tasks="digits", budget=budget, seeds=seeds, slots=slots,
        threads=1, device="cpu", rerun=True, isolation=isolation,
    )  # fmt: skip
    manager, clock = harness_manager(), Clock()
    manager.register(clock)
    records = Session(config, manager).run()
    assert all(record.status == "ok" for record in records), [r.reason for r in records if r.reason][:3]
    return clock.last - clock.first


if __name__ == "__main__":
    main()
