"""Tells of trainings in the middle of a pytest session, which would otherwise seem to hang."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from grader import hookimpl
from grader.contract.status import Status
from grader.contract.text import count, one_line
from grader.host.lines import of_node

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.trial import Trial


class Progress:
    """A plugin of the harness that writes to pytest's terminal, past its capturing of output."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = 0.0
        self._total = self._done = 0
        self._told: set[str] = set()  # lines about nodes

    @hookimpl
    def grader_session_start(self, trials: Sequence[Trial], reused: Sequence[Record], slots: int) -> None:
        """Say how much there is to do."""
        self._started, self._total, self._done = time.monotonic(), len(trials), 0
        if trials:
            before = f" ({len(reused)} done before)" if reused else ""
            self._say(f"grader: training {count(len(trials), 'trial')}{before}, {slots} at once")

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """With -v tell of each."""
        self._done += 1
        for line in of_node(record, self._told):
            self._say(f"grader: {line.text}")
        if self._config.get_verbosity() > 0:
            why = f": {one_line(record.reason, 100)}" if record.status is not Status.OK else ""
            self._say(f"grader: [{self._done}/{self._total}] {one_line(trial.node_id)} {record.status}{why}")

    @hookimpl
    def grader_session_finish(self) -> None:
        """Say how long it took."""
        if self._total:
            self._say(f"grader: trained {self._done} in {time.monotonic() - self._started:.1f} s")

    def _say(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is None or self._config.get_verbosity() < 0:
            return  # a process of pytest-xdist has none
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            terminal.ensure_newline()
            terminal.write_line(line)
