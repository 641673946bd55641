"""The executor `ray`: trials on the machines of a Ray cluster, each run by the same code as here.

On every node an agent supervises and confines trials in slots of its own (`agent`); what it needs of a
submission and of a task travels by digest (`freight`), test targets never do. Ray places the agents, carries
words, and notices lost nodes (`fleet`); it is trusted neither to kill a trial nor to run one again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader import hookimpl
from grader.contract.errors import UsageError
from grader.contract.isolation import LAYERS, Isolation, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from grader.contract.submission import Submission
    from grader.host.config import Config
    from grader.host.executors import Executor
    from grader.host.slots import Slot
    from grader.host.supervise import Listener

NAME = "ray"


@hookimpl
def grader_make_executor(
    name: str,
    slots: Sequence[Slot],
    submissions: Sequence[Submission],
    trials: int,
    config: Config,
    isolation: Isolation,
    hidden: Sequence[Path],
    listen: Listener,
    notice: Callable[[str], None],
) -> Executor | None:
    """Provide `ray`, a cluster of this machine alone, and `ray:HOST:PORT`, one that is there."""
    kind, _, address = name.partition(":")
    if kind != NAME:
        return None
    if Layer.SECCOMP not in LAYERS[isolation]:
        raise UsageError(
            f"--executor {name} with isolation {isolation.value!r}: a submission could reach the cluster "
            "over the network; it takes weak or better"
        )
    from grader.host.executors.cluster.agent import Orders
    from grader.host.executors.cluster.connection import connected
    from grader.host.executors.cluster.executor import ClusterExecutor
    from grader.host.executors.local import imports_of

    orders = Orders.of(config, isolation, slots[0].device.kind, hidden, imports_of(submissions), trials)
    return ClusterExecutor(connected(address), orders, config.slots, listen, notice)
