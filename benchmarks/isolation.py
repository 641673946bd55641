"""What confinement costs: once a run, each trial, and the training itself, level by level.

    python benchmarks/isolation.py --data ../shared/data

The rival is the level `rlimit` without any layer, in the same run; figures of one line are interleaved.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from noop_trial import NOTHING

from grader.contract.isolation import LAYERS, Isolation
from grader.contract.status import Status
from grader.contract.trial import Trial
from grader.host.data import PreparedTask
from grader.host.isolation import fault
from grader.host.sandbox import Sandbox
from grader.host.server import WorkerServer
from grader.host.supervise import Supervisor

from common import ROOT, headline, opened, pairs, parser, places, ratio, table, timed, trial

BARE = "none"


def main() -> None:
    """Time, print."""
    asked = parser(__doc__, repeats=30).parse_args()
    headline()
    levels = [level for level in Isolation if not fault(level)]
    layers = {BARE: frozenset(), **{level.value: LAYERS[level] for level in reversed(levels)}}
    canaries = pairs(10, *(lambda level=level: timed(lambda: fault(level)) for level in levels))
    probing = {
        level.value: 1000 * statistics.median(times) for level, times in zip(levels, canaries, strict=True)
    }
    with places() as folder, ExitStack() as stack:
        servers = {}
        starts: dict[str, float] = {}
        for name, each in layers.items():
            starts[name] = timed(
                lambda each=each, name=name: servers.update(
                    {name: stack.enter_context(started(each, folder))}
                )
            )
        digits = stack.enter_context(opened("digits", asked.data))
        noop = trial(NOTHING, folder, digits.task, "1 step")
        print([f"{n} {s:.2f}" for n, s in starts.items()])
        loads = compared(servers, noop, digits, asked.repeats, "load_seconds")
        fashion = stack.enter_context(opened("fashion-mnist", asked.data))
        source = (ROOT / "submissions/tutorial_mlp.py").read_text()
        work = trial(source, folder, fashion.task, "1 epoch")
        trains = compared(servers, work, fashion, 7, "train_seconds")
    rows = [
        [
            name,
            f"{probing[name]:.0f}" if name in probing else "",
            f"{1000 * statistics.median(loads[name]):.1f}",
            f"{statistics.median(trains[name]):.2f}",
            ratio(trains[name], trains[BARE]),
        ]
        for name in layers
    ]
    table(rows, ["level", "canary, ms", "fork to ready, ms", "an epoch, s", "ratio to none"])


@contextmanager
def started(layers, folder: Path) -> Iterator[WorkerServer]:
    with (
        closing(Sandbox(layers, folders=[folder])) as sandbox,
        closing(WorkerServer(sandbox, device_kind="cpu", many=True)) as server,
    ):
        yield server


def compared(servers, what: Trial, task: PreparedTask, repeats: int, phase: str) -> dict[str, list[float]]:
    def one(server: WorkerServer) -> float:
        attempt = Supervisor(server, b"s" * 32, lambda *_: None, lambda: False).run(what, task)
        assert attempt.status is Status.OK, attempt.reason
        return getattr(attempt, phase)

    works = [lambda server=server: one(server) for server in servers.values()]
    pairs(1, *works)
    return dict(zip(servers, pairs(repeats, *works), strict=True))


if __name__ == "__main__":
    main()
