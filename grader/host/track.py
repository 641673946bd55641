"""What may be compared with what, and which record makes a trial needless."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.record import RULES, Record

if TYPE_CHECKING:
    from grader.contract.trial import Trial


class Track(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Records of one track are ranked together, those of different tracks never.

    `processor` and `threads` say how much a second is worth: they are empty where the budget sets no
    seconds, because epochs, steps and samples are worth the same everywhere. With a target, handing over
    snapshots is on the clock.
    """

    task: str
    digest: str  # of the task's data
    budget: str
    device: str  # cpu, cuda or mps
    isolation: str
    rules: int
    processor: str = ""
    threads: int = 0
    target: str = ""

    @classmethod
    def of(
        cls,
        *,
        task: str,
        digest: str,
        budget: str,
        device: str,
        isolation: str,
        processor: str,
        threads: int,
        target: str = "",
    ) -> Track:
        """The track of a trial that is yet to run, under the rules of today."""
        timed = _timed(budget)
        return cls(
            task=task,
            digest=digest,
            budget=budget,
            device=device,
            isolation=isolation,
            rules=RULES,
            processor=processor if timed else "",
            threads=threads if timed else 0,
            target=target,
        )

    @property
    def asked(self) -> str:
        """What was asked for, in a few words: `3 epochs`, `10s to accuracy=0.9`."""
        return f"{self.budget} to {self.target}" if self.target else self.budget


class ReuseKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Two trials of one key are the same work: the record of the one stands for the other."""

    track: Track
    submission: str  # digest
    model: str
    loop: str
    seed: int
    torch: str

    def digest(self) -> str:
        """SHA-256 over the key, in hexadecimal; the same on every machine."""
        track = msgspec.structs.astuple(self.track)
        if not self.track.target:
            track = track[:-1]  # as it was before there were targets: files are named by this
        fields = (*track, *msgspec.structs.astuple(self)[1:])
        # ascii(): which characters repr() escapes depends on the Unicode tables of the Python at hand
        return hashlib.sha256(ascii(fields).encode()).hexdigest()


def track(record: Record) -> Track:
    """The track of a record."""
    timed = _timed(record.budget)
    return Track(
        task=record.task.name,
        digest=record.task.digest,
        budget=record.budget,
        device=record.device.kind,
        isolation=record.isolation,
        rules=record.rules,
        processor=record.device.name if timed else "",
        threads=record.device.threads if timed else 0,
        target=record.target,
    )


def reuse_key(record: Record) -> ReuseKey:
    """The key under which a record is reused, and stored."""
    submission = record.submission
    return ReuseKey(
        track=track(record),
        submission=submission.digest,
        model=submission.model,
        loop=submission.loop,
        seed=record.seed,
        torch=record.environment.torch,
    )


def reuse_key_of(trial: Trial, torch: str) -> ReuseKey:
    """The key of the record that the trial would have, run with this version of torch."""
    submission = trial.submission
    return ReuseKey(
        track=Track.of(
            task=trial.task.name,
            digest=trial.task.digest,
            budget=str(trial.budget),
            device=trial.device.kind,
            isolation=trial.isolation.value,
            processor=trial.device.name,
            threads=trial.threads,
            target=str(trial.target or ""),
        ),
        submission=submission.digest,
        model=submission.model,
        loop=submission.loop,
        seed=trial.seed,
        torch=torch,
    )


@lru_cache(maxsize=1024)
def _timed(budget: str) -> bool:
    """Whether the budget sets seconds. One that cannot be read (an edited record) counts as if it did."""
    try:
        return Budget.parse(budget).seconds is not None
    except UsageError:
        return True
