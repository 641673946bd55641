"""What confinement costs: once a run, each trial, and the training itself, level by level.

    python benchmarks/isolation.py --data ../shared/data

The rival is the level `rlimit` without any layer, in the same run; figures of one line are interleaved.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from functools import partial

from msgspec.structs import replace

from grader.contract.events import Start
from grader.contract.isolation import LAYERS, Isolation, Layer
from grader.contract.status import Phase, Status
from grader.contract.trial import Trial
from grader.host.data import PreparedTask
from grader.host.isolation import fault
from grader.host.scratch import remove
from grader.host.server import WorkerServer
from grader.host.supervise import Supervisor

from common import ROOT, headline, opened, pairs, parser, places, ratio, server_for, table, timed, trial
from noop_trial import NOTHING

BARE = "none"
GREEDY = """
import signal, time

import torch

from grader import hookimpl


@hookimpl
def train(model):
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_IGN)
    held = torch.ones(256 << 20, dtype=torch.int8)
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass
"""

Servers = dict[str, WorkerServer]


def main() -> None:
    """Time, print."""
    asked = parser(__doc__, repeats=30).parse_args()
    headline()
    levels = {level.value: LAYERS[level] for level in reversed(Isolation) if not fault(level)}
    once = pairs(10, *(partial(timed, partial(fault, Isolation(name))) for name in levels))
    canaries = dict(zip(levels, once, strict=True))
    layers: dict[str, frozenset[Layer]] = {BARE: frozenset(), **levels}
    with places() as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(server_for(folder, layers=each, many=True))
            for name, each in layers.items()
        }
        digits = stack.enter_context(opened("digits", asked.data))
        nothing = trial(NOTHING, folder, digits.task, "1 step")
        words = pairs(asked.repeats, *(partial(confined, each, nothing) for each in servers.values()))
        loads = compared(servers, nothing, digits, asked.repeats, "load_seconds")
        fashion = stack.enter_context(opened("fashion-mnist", asked.data))
        epoch = trial((ROOT / "submissions/tutorial_mlp.py").read_text(), folder, fashion.task, "1 epoch")
        epochs = compared(servers, epoch, fashion, 7, "train_seconds")
        greedy = trial(GREEDY, folder, digits.task, "1 step")
        greedy = replace(greedy, limits=replace(greedy.limits, train=1.0))
        late = {name: [overrun(server, greedy, digits) for _ in range(5)] for name, server in servers.items()}
    rows = [
        [
            name,
            f"{1000 * statistics.median(canaries[name]):.0f}" if name in canaries else "",
            f"{1000 * statistics.median(word):.1f}",
            f"{1000 * statistics.median(loads[name]):.1f}",
            f"{statistics.median(epochs[name]):.2f}",
            ratio(epochs[name], epochs[BARE]),
            f"{1000 * max(late[name]):.0f}",
        ]
        for name, word in zip(layers, words, strict=True)
    ]
    table(
        rows,
        [
            "level",
            "canary, ms",
            "fork to confined, ms",
            "to ready, ms",
            "an epoch, s",
            f"ratio to {BARE}",
            "limit to gone, ms",
        ],
    )


def confined(server: WorkerServer, what: Trial) -> float:
    """Seconds from asking for a worker until it says that all its layers hold."""
    scratch, user = server.sandbox.new_scratch()
    started = time.perf_counter()
    worker = server.spawn()
    worker.send(Start(trial=what, phase=Phase.TRAIN, scratch=str(scratch), user=user))
    while not worker._events:
        worker._poll(1)
    seconds = time.perf_counter() - started
    worker.stop()
    remove(scratch)
    return seconds


def overrun(server: WorkerServer, what: Trial, task: PreparedTask) -> float:
    """Seconds from the limit of the training until the process and its 256 MiB are gone, and looked after."""
    supervisor = Supervisor(server, b"s" * 32, lambda *_: None, lambda: False)
    attempt = None

    def run() -> None:
        nonlocal attempt
        attempt = supervisor.run(what, task)

    whole = timed(run)
    assert attempt is not None
    assert attempt.status is Status.TIMEOUT, attempt.reason
    return whole - float(attempt.load_seconds or 0) - what.limits.train


def compared(
    servers: Servers, what: Trial, task: PreparedTask, repeats: int, phase: str
) -> dict[str, list[float]]:
    """Seconds of one phase of the trial on each server, in turn."""

    def one(server: WorkerServer) -> float:
        attempt = Supervisor(server, b"s" * 32, lambda *_: None, lambda: False).run(what, task)
        assert attempt.status is Status.OK, attempt.reason
        return float(getattr(attempt, phase))

    works = [partial(one, server) for server in servers.values()]
    pairs(1, *works)  # the first waits for its server
    return dict(zip(servers, pairs(repeats, *works), strict=True))


if __name__ == "__main__":
    main()
