"""What a person sees while a session runs: a header, then bars on a terminal or plain lines elsewhere.

A plugin over the session's hooks; the session itself prints nothing. Names and messages come from
submissions: they are shown as plain text, never as markup. What is said at the end is `summary`'s.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

import click

from grader import hookimpl
from grader.contract.status import Status
from grader.contract.text import plain
from grader.host import lines
from grader.host.commands import lively, say
from grader.host.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grader.contract.record import CurvePoint, Record
    from grader.contract.task import Task
    from grader.contract.trial import Trial
    from grader.host.config import Config

_HEARTBEAT = 30.0  # seconds between two lines about one trial where nothing is drawn
_BEATS = 8  # such lines at once: there may be many slots


class Display(Protocol):
    """One way to show a session that runs."""

    period: float
    """Seconds between two calls of `tick`."""

    def ended(self, line: str, *, failed: bool) -> None:
        """A trial ended, as the line says. Called in the session's thread."""

    def said(self, line: str) -> None:
        """Something is to be known, as the line says. Called in the session's thread."""

    def tick(self) -> None:
        """Time has passed. Called in a thread of its own."""

    def close(self) -> None:
        """Leave the terminal as it was found."""


class Console:
    """Listens to one session. `verbosity`: -1 quiet, 0 usual, 1 with tracebacks, 2 with output."""

    def __init__(self, verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self.started = time.monotonic()
        self.watch = Watch([])
        self._display: Display | None = None
        self._ticker: Ticker | None = None
        self._told: set[str] = set()  # lines about nodes

    @hookimpl
    def grader_task_prepare(self, task: Task) -> None:
        """Say why nothing happens yet."""
        if self.verbosity >= 0:
            say(f"preparing {plain(task.name)}, once …")

    @hookimpl
    def grader_session_start(
        self, config: Config, trials: Sequence[Trial], reused: Sequence[Record], slots: int
    ) -> None:
        """Say what will run, and on what."""
        self.watch = Watch(trials, reused, slots)
        if self.verbosity >= 0:
            for line in lines.header(config, trials, reused, slots):
                say(line)
        if trials:
            self._display = display(self.watch, self.verbosity)
            self._ticker = Ticker(self._display)

    @hookimpl
    def grader_notice(self, line: str) -> None:
        """A line among those of the trials."""
        if self.verbosity >= 0:
            (self._display.said if self._display else say)(plain(line))

    @hookimpl
    def grader_trial_start(self, trial: Trial) -> None:
        """From now on it is shown."""
        self.watch.begin(trial)

    @hookimpl
    def grader_trial_progress(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Keep it for the next look."""
        self.watch.move(trial, phase, point)

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """One line about how it ended, after those about its node where they are news."""
        self.watch.end(trial, record)
        if self._display:
            self._tell_of_node(record, self._display)
            said = f"{lines.counter(self.watch.done, self.watch.total)} {lines.outcome(trial, record)}"
            self._display.ended(said, failed=record.status is not Status.OK)

    def _tell_of_node(self, record: Record, shown: Display) -> None:
        for line in lines.of_node(record, self._told):
            if line.warns:
                shown.said(click.style(line.text, fg="yellow"))
            elif self.verbosity >= 0:
                shown.said(line.text)

    @hookimpl
    def grader_session_finish(self) -> None:
        """Take the bars away before the summary."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        ticker, self._ticker = self._ticker, None
        if ticker:
            ticker.stop()
        shown, self._display = self._display, None
        if shown:
            shown.close()


def display(watch: Watch, verbosity: int) -> Display:
    """Bars where somebody watches a terminal, else lines."""
    if verbosity < 0 or not lively():
        return PlainLines(watch, verbosity)
    from grader.host.live import LiveDisplay

    return LiveDisplay(watch, every=verbosity >= 1)


class PlainLines:
    """For pipes, logs and CI: a line a trial, and now and then one about each that takes long."""

    period = 5.0

    def __init__(self, watch: Watch, verbosity: int = 0) -> None:
        self._watch, self._quiet = watch, verbosity < 0

    def ended(self, line: str, *, failed: bool) -> None:
        """Say it."""
        if failed or not self._quiet:
            say(line)

    def said(self, line: str) -> None:
        """Say it."""
        say(line)

    def tick(self) -> None:
        """Say of each that has been silent for long how far it is, so that nobody thinks it hangs."""
        if self._quiet:
            return
        watch, now = self._watch, self._watch.clock()
        due = [each for each in watch.running() if now >= each.spoken + _HEARTBEAT]
        for each in due:
            each.spoken = now
        head = lines.counter(watch.done, watch.total)
        for each in due[:_BEATS]:
            say(f"{head} {plain(each.trial.node_id)} runs: {lines.standing(each, now)}")
        if due[_BEATS:]:
            say(f"{head} and {len(due) - _BEATS} more run")

    def close(self) -> None:
        """Nothing was drawn."""


class Ticker:
    """A thread that calls the display's `tick`, over and over."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the one that may be under way."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._shown.period):
                self._shown.tick()
        except OSError:  # nobody is there to look any more; the session's own thread will notice
            return
