"""The executor that is built in keeps the contract of all executors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from executor_contract import ExecutorContract

from grader.contract.isolation import LAYERS, Isolation
from grader.contract.submission import Submission
from grader.host import device
from grader.host.executors import Executor
from grader.host.executors.local import LocalExecutor, imports_of, sandbox_for
from grader.host.settings import make_config
from grader.host.slots import Slot
from grader.host.supervise import Listener


class TestLocal(ExecutorContract):
    @classmethod
    def make(cls, submissions: Sequence[Submission], slots: int, listen: Listener) -> Executor:
        config = make_config(cwd=Path("/"))
        (cpu,) = device.choose("cpu")
        sandbox = sandbox_for(
            LAYERS[Isolation.LANDLOCK], cpu, [Path(each.folder) for each in submissions], config, []
        )
        return LocalExecutor([Slot(cpu)] * slots, imports_of(submissions), listen, sandbox)
