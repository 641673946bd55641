"""What a rubric is held against: submissions, and their trainings, by the ids that the command gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.record import node_id

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.submission import Submission
    from grader.contract.trial import Trial

Key = tuple[str, str, int]
"""Name of the submission, task and seed, which tell a training from the others of a session."""


@dataclass(frozen=True, eq=False)
class Case:
    """A submission, and one training of it where task and seed are said."""

    submission: Submission
    task: str = ""
    seed: int | None = None

    @property
    def id(self) -> str:
        """As the command spells it, in ASCII as pytest wants it: submissions/mlp.py::digits[seed=0]."""
        shown = self.submission.display
        text = shown if self.seed is None else node_id(shown, self.task, self.seed)
        return text.encode("ascii", "backslashreplace").decode()

    @property
    def key(self) -> Key:
        """What the record of its training is found by."""
        assert self.seed is not None
        return self.submission.name, self.task, self.seed


def cases(submissions: Sequence[Submission], tasks: Sequence[str], seeds: Sequence[int]) -> tuple[Case, ...]:
    """Return every training that was asked for, in the order in which the command would run them."""
    return tuple(
        Case(submission, task, seed) for task in tasks for submission in submissions for seed in seeds
    )


def key_of(record: Record) -> Key:
    """The key of the training that this is the record of."""
    return record.submission.name, record.task.name, record.seed


def key_of_trial(trial: Trial) -> Key:
    """The key of the training that this trial is."""
    return trial.submission.name, trial.task.name, trial.seed
