"""One trial: submission x task x budget x seed x device, and the limits around it."""

from __future__ import annotations

import msgspec

from grader.contract.budget import Budget
from grader.contract.isolation import Isolation
from grader.contract.record import node_id
from grader.contract.submission import Submission
from grader.contract.target import Target
from grader.contract.task import Task


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and sizes that end a phase, whatever the submission does."""

    load: float = 60.0
    train: float = 3600.0  # behind budgets that set no seconds
    after: float = 30.0  # of train() after its loader has ended, or as long again as it took until then
    predict: float = 120.0
    output: int = 64 * 1024  # bytes of stdout and stderr that are kept
    weights: int = 4 * 1024**3  # bytes of the weights file
    snapshots: int = 1024**3  # bytes of all snapshots of a training that has a target, in the host's memory
    memory: int = 4 * 1024**3  # bytes that a worker takes beside what it starts with
    scratch: int = 256 * 1024**2  # bytes that a worker writes into its scratch folder
    submission: int = 1024**2  # bytes of a submission's files
    parameters: int | None = None  # of a model; None is any number

    def too_many(self, parameters: int) -> str:
        """Return why a model of so many parameters is refused, or '' where it is not."""
        if self.parameters is None or parameters <= self.parameters:
            return ""
        allowed = f"at most {self.parameters:,} are allowed (limits.parameters)"
        return f"the model has {parameters:,} parameters, {allowed}"


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device, chosen by the host. `str()` gives torch's spelling."""

    kind: str  # cpu, cuda or mps
    index: int | None = None
    name: str = ""

    def __str__(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker may know about the trial it runs."""

    submission: Submission
    task: Task
    budget: Budget
    seed: int
    device: Device
    threads: int
    deterministic: bool = False
    isolation: Isolation = Isolation.RLIMIT
    limits: Limits = Limits()
    allow_subprocess: bool = False  # DataLoader workers, torch.compile: at level strict only
    target: Target | None = None  # whose time is taken
    check: bool = False  # `grader check`: also look whether training changed the parameters

    @property
    def node_id(self) -> str:
        """As pytest spells it: submissions/mlp.py::fashion-mnist[seed=0]."""
        return node_id(self.submission.display, self.task.name, self.seed)

    @property
    def train_limit(self) -> float:
        """Seconds after which the host kills the training: budget + grace, or the limit behind it."""
        limit = self.budget.with_grace
        return self.limits.train if limit is None else limit
