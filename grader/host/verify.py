"""`grader verify`: records are held to what they say, by training again under the conditions of then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from grader import hookimpl
from grader.contract.errors import GraderError
from grader.contract.isolation import Isolation
from grader.contract.status import Status
from grader.contract.text import one_line
from grader.host import device as devices
from grader.host.conditions import Conditions, Machine, NotHere, Subject
from grader.host.config import LOCAL
from grader.host.session import Session
from grader.host.slots import slots
from grader.host.suspicion import another_curve, suspicions
from grader.host.verdict import (
    Contradiction,
    Finding,
    Outcome,
    Verdict,
    check_against,
    compared,
    evidence_beside,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pluggy

    from grader.contract.record import Record
    from grader.contract.task import Task
    from grader.contract.trial import Trial
    from grader.host.claims import Claim
    from grader.host.config import Config
    from grader.host.evidence import Evidence

Tell = Callable[[Finding], None]

_Work = tuple[str, str, int]
"""A submission's path and digest, and the seed: one training under one's conditions."""


@dataclass(frozen=True, eq=False)
class _Case:
    """A claim that nothing speaks against, and what it takes to train it again."""

    claim: Claim
    then: Outcome
    subject: Subject
    conditions: Conditions
    differences: tuple[str, ...]  # why the same bits are not to be expected

    @property
    def work(self) -> _Work:
        submission = self.subject.submission
        return submission.path, submission.digest, self.claim.record.seed


class Verification:
    """Verifies claims, and tells what it found of each as soon as it is known.

    `interrupted` says whether the user ended it before all were.
    """

    def __init__(self, config: Config, manager: pluggy.PluginManager, tell: Tell) -> None:
        self._config = config
        self._manager = manager
        self._tell = tell
        self._machine = Machine(config, manager)
        self.interrupted = False

    def run(self, claims: Sequence[Claim], *, train: bool = True) -> None:
        """Look at all; those that nothing speaks against are trained again. Raises UsageError."""
        groups: dict[Conditions, list[_Case]] = defaultdict(list)
        for claim in claims:
            if case := self._case(claim, train=train):
                groups[case.conditions].append(case)
        configs = {key: self._session_config(key, cases) for key, cases in groups.items()}
        for key, cases in groups.items():
            if not self.interrupted:
                self._train(configs[key], cases)

    def _case(self, claim: Claim, *, train: bool) -> _Case | None:
        """What is to be trained; None where the verdict is told already."""
        try:
            then, subject = self._standing(claim)
            if train:
                conditions, differences = self._machine.conditions(claim.record, subject.budget)
                return _Case(claim, then, subject, conditions, differences)
            self._say(claim, Verdict.CONSISTENT)
        except Contradiction as error:
            self._say(claim, Verdict.NOT_REPRODUCED, [str(error)])
        except NotHere as error:
            self._say(claim, Verdict.NOT_CHECKED, [str(error)])
        return None

    def _standing(self, claim: Claim) -> tuple[Outcome, Subject]:
        """Hold a record against all that lies here. Raises Contradiction and NotHere."""
        record = claim.record
        evidence = evidence_beside(claim.path, record)
        if record.status is Status.HARNESS_ERROR:
            raise NotHere("a fault of grader, which says nothing of its submission: run the trial again")
        subject = self._machine.subject(record)
        check_against(subject.task, subject.targets, record, evidence)
        return Outcome(record, evidence), subject

    def _session_config(self, conditions: Conditions, cases: Sequence[_Case]) -> Config:
        """The settings of the session that trains these again."""
        config, seconds = self._config, conditions.budget.seconds
        found = devices.choose(conditions.device)
        many = len(slots(config.slots, found, conditions.threads))
        if seconds is not None and conditions.beside is not None:
            many = min(many, 1 + conditions.beside)  # each takes something of the time of all
        return replace(
            config,
            paths=tuple(dict.fromkeys(place for case in cases for place in case.subject.places)),
            tasks=(conditions.task,),
            budget=conditions.budget,
            target=conditions.target,
            seeds=tuple(sorted({case.claim.record.seed for case in cases})),
            device=conditions.device,
            threads=conditions.threads,
            slots=many,
            executor=LOCAL,  # the conditions are held against this machine
            deterministic=conditions.deterministic,
            isolation=conditions.isolation,
            allow_subprocess=config.allow_subprocess and conditions.isolation is Isolation.STRICT,
            keyword="",
            kind="",
            cross=any(case.subject.submission.pair for case in cases),
            max_failures=None,
            last_failed=False,
            failed_first=False,
            calibrate=False,
        )

    def _train(self, config: Config, cases: Sequence[_Case]) -> None:
        waiting: dict[_Work, list[_Case]] = defaultdict(list)
        for case in cases:
            waiting[case.work].append(case)
        session = Session(config, self._manager, keep=False)
        runner = _Runner(waiting, self._compare)
        self._manager.register(runner, "verification")
        failure = "its files have changed while others were verified; try again"
        try:
            session.run()
        except GraderError as error:
            failure = one_line(str(error))
        finally:
            self._manager.unregister(runner)
        self.interrupted = session.interrupted
        for case in (case for left in waiting.values() for case in left if not self.interrupted):
            self._say(case.claim, Verdict.NOT_CHECKED, [failure])

    def _compare(self, case: _Case, now: Outcome) -> None:
        claim, differences = case.claim, case.differences
        verdict, reasons = compared(case.then, now, claim.others, differences)
        self._say(claim, verdict, reasons, now.record, exact=not differences)

    def _say(
        self,
        claim: Claim,
        verdict: Verdict,
        reasons: Sequence[str] = (),
        again: Record | None = None,
        *,
        exact: bool = False,
    ) -> None:
        odd = suspicions(claim.record, claim.others, again)
        if again is not None and exact:
            odd += another_curve(claim.record, again)
        self._tell(Finding(claim.record, verdict, tuple(reasons), tuple(odd)))


class _Runner:
    """Keeps one session to the trials that are asked for, and hands over what comes of each."""

    def __init__(self, waiting: Mapping[_Work, list[_Case]], ended: Callable[[_Case, Outcome], None]) -> None:
        self._waiting = waiting
        self._ended = ended
        self._predicted: Evidence | None = None

    @hookimpl(trylast=True)
    def grader_modify_trials(self, trials: list[Trial]) -> None:
        """Leave the pairs of submission and seed that there are records of, after all that plugins do."""
        trials[:] = [trial for trial in trials if self._waiting.get(_work(trial))]

    @hookimpl
    def grader_metrics(
        self, task: Task, logits: npt.NDArray[np.float32], targets: npt.NDArray[np.generic]
    ) -> dict[str, float]:
        """Add none: this is where the predictions are seen, just before the record is told."""
        from grader.host.evidence import evidence_of
        from grader.host.score import predicted

        self._predicted = evidence_of(predicted(task, logits), targets)
        return {}

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """Compare it with every record of this trial: there may be one for each version of torch."""
        now, self._predicted = Outcome(record, self._predicted), None
        cases = self._waiting[_work(trial)]
        while cases:
            self._ended(cases.pop(0), now)


def _work(trial: Trial) -> _Work:
    return trial.submission.path, trial.submission.digest, trial.seed
