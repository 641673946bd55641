"""What a person sees of a verification: bars while trials run, a line a record, and the line that counts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from grader import hookimpl
from grader.contract.text import plain
from grader.host.commands import say
from grader.host.console import Console, Ticker, display
from grader.host.lines import rule
from grader.host.verdict import Finding, Verdict
from grader.host.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grader.contract.record import Record
    from grader.contract.trial import Trial

_WIDTH = max(map(len, Verdict))


class Progress(Console):
    """Shows sessions as `grader run` does, but that a line is about a record, not about a trial."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: list[Finding] = []

    @hookimpl
    def grader_session_start(self, trials: Sequence[Trial], slots: int) -> None:  # type: ignore[override]  # pluggy passes what is named
        """Show what will run; there may be many sessions, so none has a header."""
        self.watch = Watch(trials, slots=slots)
        self._display = display(self.watch, self.verbosity)
        self._ticker = Ticker(self._display)

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """It is shown no more; what it says about records is told by `found`."""
        self.watch.end(trial, record)

    def found(self, finding: Finding) -> None:
        """Say what was found of a record: above the bars, where there are any."""
        self.findings.append(finding)
        for line in lines(finding):
            if self._display:
                self._display.ended(line, failed=True)  # which are shown in any case
            else:
                say(line)


def lines(finding: Finding) -> Iterator[str]:
    """`identical               submissions/mlp.py::digits[seed=0], 30 epochs`, and why, below it."""
    record = finding.record
    verdict = click.style(f"{finding.verdict:{_WIDTH}}", fg="green" if finding.verdict.holds else "red")
    yield f"{verdict}  {plain(record.node_id)}, {plain(record.budget)}"
    yield from (f"    {plain(reason)}" for reason in finding.reasons)
    yield from (f"    {click.style('suspicious', fg='yellow')}: {plain(odd)}" for odd in finding.suspicions)


def counts(findings: Sequence[Finding], seconds: float) -> str:
    """`2 identical, 1 not reproduced, 1 suspicious in 12.3 s`."""
    found = Counter(finding.verdict for finding in findings)
    said = [f"{found[verdict]} {verdict}" for verdict in Verdict if found[verdict]] or ["nothing verified"]
    odd = sum(bool(finding.suspicions) for finding in findings)
    said += [f"{odd} suspicious"] if odd else []
    colour = "green" if all(finding.verdict.holds for finding in findings) else "red"
    return click.style(rule(f"{', '.join(said)} in {seconds:.1f} s"), fg=colour)
