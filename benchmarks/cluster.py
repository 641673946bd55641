"""What a Ray cluster costs against local slots: trials that do nothing, and short trainings, on this machine.

    python benchmarks/cluster.py [--trials 2500] [--trainings 200]

Each run is a process of its own, in two slots, whose peak memory is the host's. A trial's share is from the
first trial's end, when every server is there, to the last one's; the whole run is counted besides.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from grader.host.session import Session
from grader.host.settings import make_config
from grader.plugins import harness_manager

from common import headline, parser, places, table
from many import MODEL, Clock, write
from noop_trial import NOTHING

_SLOTS = 2
_EXECUTORS = ("local", "ray")


def main() -> None:
    """Run, print."""
    if sys.argv[1:2] == ["inside"]:
        inside(*sys.argv[2:])
        return
    options = parser(__doc__, repeats=1)
    options.add_argument("--trials", type=int, default=2500)
    options.add_argument("--trainings", type=int, default=200)
    asked = options.parse_args()
    headline()
    kinds = (
        ("doing nothing", NOTHING, asked.trials, "1 step"),
        ("training", MODEL, asked.trainings, "10 epochs"),
    )
    rows = []
    with places() as folder:
        for number, (what, source, trials, budget) in enumerate(kinds):
            root = folder / str(number)
            write(root, source, trials)
            for repeat in range(asked.repeats):
                seen = {name: run(root, name, budget, f"board-{name}-{repeat}") for name in _EXECUTORS}
                local = seen["local"]["each"]
                rows += [
                    [what, trials, name, *told.values(), told["each"] - local] for name, told in seen.items()
                ]
    heads = ("trials", "number", "executor", "whole run, s", "ms a trial", "host's peak, MiB", "more, ms")
    table(rows, heads)


def run(root: Path, executor: str, budget: str, board: str) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "inside", str(root), executor, budget, board]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, float] = json.loads(done.stdout)
    return told


def inside(root: str, executor: str, budget: str, board: str) -> None:
    """Run all that lies in the folder, and say what it took."""
    folder = Path(root)
    started = time.perf_counter()
    config = make_config(
        cwd=folder, paths=[folder / "subs"], tasks="digits", budget=budget, slots=_SLOTS, device="cpu",
        executor=executor, calibrate=False, leaderboard=folder / board,
    )  # fmt: skip
    manager, clock = harness_manager(["no:html"]), Clock()
    manager.register(clock)
    records = Session(config, manager).run()
    assert all(record.status == "ok" for record in records), [r.reason for r in records if r.reason][:3]
    told = {
        "whole": time.perf_counter() - started,
        "each": 1000 * (clock.last - clock.first) / (len(records) - 1),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
