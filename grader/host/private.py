"""Private test sets on the host's side: where they may lie, how they are scored, and what keeps the results.

What a training scores on its private test set stands in a store of the host's own, below its state folder,
as the record that is to be published one day: with its evidence, and readable by the host's user alone.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import StoreError, UsageError
from grader.contract.status import Phase, Status
from grader.contract.text import plain
from grader.host import places
from grader.host.evidence import tie
from grader.host.files import not_written
from grader.host.store import Copy, Store, read_copy, stem

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import pluggy

    from grader.contract.record import Record, TaskInfo
    from grader.contract.submission import Submission
    from grader.contract.task import TaskDefinition
    from grader.host.config import Config
    from grader.host.evidence import Evidence
    from grader.host.supervise import Attempt

PUBLIC, PRIVATE = "public", "private"  # of TaskInfo.split
_LACKING = (
    "the host's own store has no private result of this training: `grader run` on the host that keeps the "
    "private test set trains it again"
)


class PrivateStore(Store):
    """The private results of this host, whatever leaderboard they belong to, by their public records."""

    def __init__(self) -> None:
        super().__init__(places.state_folder() / "private", mode=0o600)

    def keep(self, public: Record, private: Record, evidence: Evidence) -> None:
        """Store the private result of a public record, in place of one of the same outcome.

        Raises StoreError likewise.
        """
        try:
            places.state_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.mkdir(exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
        except OSError as error:
            raise not_written(self.directory, error) from error
        self.write_at(self.place(public), private, evidence)

    def result(self, public: Record) -> Copy | None:
        """Return the private result of a record; None where there is none, or a damaged one."""
        with contextlib.suppress(StoreError):
            path = self.place(public)
            return read_copy(path) if path.exists() else None
        return None

    def place(self, public: Record) -> Path:
        """Where the private result of a record is, or would be.

        By what ties evidence to its record: a training that came out otherwise has another result.
        """
        return self.directory / f"{stem(public)}-{tie(public).hex()[:20]}.json"


def scored(
    attempt: Attempt, public: Record, targets: npt.NDArray[np.generic], hook: pluggy.HookRelay
) -> tuple[Record, Evidence]:
    """Return what a training that ended well scores on its private test set, and the evidence of it.

    `public` is its record; `targets` are those of the private test set, whose samples come last.
    """
    import numpy as np

    from grader.host.evidence import evidence_of
    from grader.host.score import measured, predicted

    assert attempt.logits is not None
    task, logits = attempt.trial.task, attempt.logits[-len(targets) :]
    outputs = predicted(task, logits)
    record = msgspec.structs.replace(
        public,
        task=private_task(public.task, len(targets)),
        metrics=measured(task, logits, targets, hook)[0],
        correct=None if task.kind == "regression" else int(np.sum(outputs == targets)),
    )
    return record, evidence_of(outputs, targets, task.num_classes)


def private_task(task: TaskInfo, samples: int) -> TaskInfo:
    """What a record of the private results says of its task, given what the public one does.

    Under a digest of its own: neither is ranked with the other, or stands for it.
    """
    digest = hashlib.sha256(f"{PRIVATE} {task.digest}".encode()).hexdigest()
    return msgspec.structs.replace(task, digest=digest, split=PRIVATE, test_samples=samples)


def without_result(public: Record, task: TaskInfo) -> Record:
    """Return what stands on the private side for a record that failed, or has no private result here."""
    unscored = msgspec.structs.replace(public, task=task, metrics={}, correct=None)
    if public.status is not Status.OK:
        return unscored
    return msgspec.structs.replace(unscored, status=Status.HARNESS_ERROR, phase=Phase.SCORE, reason=_LACKING)


def check_places(
    definitions: Mapping[str, TaskDefinition], submissions: Iterable[Submission], config: Config
) -> None:
    """Raise UsageError for a private test set that lies where submissions may read, or that is published."""
    found = [(name, path) for name, each in definitions.items() for path in each.private]
    if not found:
        return
    from grader.host.libraries import libraries

    shared = {Path(part.folder): "among submissions" for each in submissions for part in each.parts}
    shared |= {Path(path): "among submissions" for path in config.paths if Path(path).is_dir()}
    shared |= dict.fromkeys(libraries(config.libraries).roots, "among libraries, which submissions may read")
    shared[config.leaderboard] = "in the leaderboard, which is there to be published"
    for name, path in found:
        for folder, where in shared.items():
            if path.resolve().is_relative_to(folder.resolve()):
                raise UsageError(
                    f"{plain(name)}: {plain(str(path), 500)} tells the private test set, and lies {where}; "
                    "move it elsewhere"
                )
