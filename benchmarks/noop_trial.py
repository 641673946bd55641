"""What a trial costs that does nothing: both workers, server warm, against a process that imports torch.

python benchmarks/noop_trial.py --data ../shared/data
"""

from __future__ import annotations

import statistics
from pathlib import Path

from grader.contract.status import Status
from grader.contract.trial import Trial
from grader.host.data import PreparedTask
from grader.host.server import WorkerServer
from grader.host.supervise import Attempt, Supervisor

from common import headline, opened, parser, places, python, server_for, table, timed, trial

NOTHING = """
from torch import nn

from grader import hookimpl


@hookimpl
def build_model(task):
    return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def train(model):
    pass
"""


def main() -> None:
    """Time, print."""
    options = parser(__doc__, repeats=30)
    asked = options.parse_args()
    headline()
    torch = statistics.median(timed(lambda: python("-c", "import torch")) for _ in range(5))
    with places() as folder:
        for many in (False, True):
            names = ("digits", "fashion-mnist")
            with server_for(folder, many=many) as server:
                rows = [row(name, server, folder, asked.data, asked.repeats) for name in names]
            kind = "many trials" if many else "few trials"
            table(rows, [f"server for {kind}", "trial, ms", "fork to ready, ms", "train, ms", "predict, ms"])
            print()
    print(f"a process that imports torch: {1000 * torch:.0f} ms")


def row(name: str, server: WorkerServer, folder: Path, data: Path, repeats: int) -> list[object]:
    """Medians of one task, in milliseconds."""
    with opened(name, data) as task:
        what = trial(NOTHING, folder, task.task, "1 step")
        supervisor = Supervisor(server, b"s" * 32, lambda *_: None, lambda: False)
        attempts: list[Attempt] = []
        once(supervisor, what, task, attempts)
        walls = [timed(lambda: once(supervisor, what, task, attempts)) for _ in range(repeats)]
    phases = [
        1000 * statistics.median(getattr(attempt, phase) for attempt in attempts[1:])
        for phase in ("load_seconds", "train_seconds", "predict_seconds")
    ]
    return [name, f"{1000 * statistics.median(walls):.1f}", *(f"{phase:.1f}" for phase in phases)]


def once(supervisor: Supervisor, what: Trial, task: PreparedTask, attempts: list[Attempt]) -> None:
    """One trial."""
    attempt = supervisor.run(what, task)
    assert attempt.status is Status.OK, attempt.reason
    attempts.append(attempt)


if __name__ == "__main__":
    main()
