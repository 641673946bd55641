"""What a second worker on the same data adds in private memory, its model included.

    python benchmarks/memory.py --data ../shared/data

Two workers train the tutorials' MLP on Fashion-MNIST at once, each past its first whole epoch, so that
every page of the data has been read; then the kernel's figures of both are read.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil

from grader.contract.record import CurvePoint
from grader.contract.status import Status
from grader.contract.trial import Trial
from grader.host.data import PreparedTask
from grader.host.server import WorkerServer
from grader.host.supervise import Attempt, Supervisor

from common import ROOT, headline, opened, parser, places, server_for, table, trial


def main() -> None:
    """Run two at once, read their figures, print."""
    asked = parser(__doc__).parse_args()
    headline()
    rows: list[list[object]] = []
    with places() as folder, opened("fashion-mnist", asked.data) as task:
        source = (ROOT / "submissions/tutorial_mlp.py").read_text().replace("epochs = 10", "epochs = 1000")
        what = trial(source, folder, task.task, "3000 epochs", threads=1)
        for workers in (1, 2):
            with server_for(folder) as server:
                rows += measured(workers, what, task, server)
    table(rows, ["workers at once", "worker", "private, MB", "share of all (Pss), MB", "resident, MB"])
    print(f"the data take {data_size(task) / 1e6:.0f} MB, the model 2.7 MB and as much for its gradients")


def measured(workers: int, what: Trial, task: PreparedTask, server: WorkerServer) -> list[list[object]]:
    """Rows of so many workers at once."""
    stop = threading.Event()
    epochs = [0.0] * workers

    def run(index: int) -> None:
        def listen(_trial: Trial, _phase: str, point: CurvePoint | None) -> None:
            epochs[index] = point.epoch if point else 0.0

        attempt: list[Attempt] = []
        supervisor = Supervisor(server, b"s" * 32, listen, stop.is_set)
        try:
            attempt.append(supervisor.run(what, task))
        except Exception:  # cancelled below
            return
        assert attempt[0].status is Status.OK, attempt[0].reason

    threads = [threading.Thread(target=run, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    while min(epochs) < 1.2:
        time.sleep(0.1)
    found = [figures(child.pid) for child in psutil.Process(server._process.pid).children()]
    stop.set()
    for thread in threads:
        thread.join()
    assert len(found) == workers
    return [[workers, number + 1, *figure] for number, figure in enumerate(found)]


def figures(pid: int) -> list[str]:
    """Private memory, proportional share and resident size of a process, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return [f"{value * 1024 / 1e6:.1f}" for value in (private, kilobytes["Pss"], kilobytes["Rss"])]


def data_size(task: PreparedTask) -> int:
    """Bytes of the training set."""
    return task.task.train_samples * (task.task.in_features + 8)


if __name__ == "__main__":
    main()
