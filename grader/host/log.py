"""`--log FILE`: what happens in a session, for programs. A plugin over its hooks.

One JSON object a line, in UTF-8, each written at once and whole. Every one has `event`, `time` (UTC,
ISO 8601) and `session` (the same for all lines of one session). By `event`:

- `session_start`: `root, leaderboard, submissions, trials, reused, slots` (the last four are counts),
  `tasks` (`name, budget, metric, train_samples, test_samples`), `seeds, device, threads, isolation` and
  `versions` (`grader, python, torch, torchvision, numpy, platform, processor, cores, driver`);
- `reused`, one for each record of an earlier run: `node_id, submission, digest, task, budget, seed, status,
  metrics, finished`;
- `notice`: `line`, what an executor says of the places where trials run: a node has come, or is lost;
- `trial_start`: `node_id, submission, digest, task, budget, seed`;
- `progress`, at most one a second of each trial: `node_id, submission, phase`, and what the worker claims
  (`epoch, steps, samples, seconds, loss, accuracy`), null where it told nothing;
- `trial_finish`: `node_id, submission, digest, task, budget, seed, status, phase, reason, metrics, timing`
  (`load_seconds, train_seconds, predict_seconds, score_seconds, snapshots_seconds, train_cpu_seconds`),
  `notes`, `node` (where it was calibrated or is one of several: `name`, `calibration` with `seconds, spread,
  steps, rounds`, and `remarks`; else null), `attempt`, and `done` of `trials`;
- `session_finish`: `trials, done, reused, counts` (records of this session, by status), `seconds`,
  `interrupted`, `stopped_early` (by -x or --maxfail). A session without one was killed, or broke.

Fractions are 0 to 1; a number that is none is null. Sessions are appended to a file that is there:
the run that goes on from an interrupted one must not wipe out what that one told.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader import hookimpl
from grader.contract.errors import UsageError
from grader.contract.record import CurvePoint
from grader.contract.status import Status
from grader.contract.text import plain, plain_json
from grader.host.commands import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grader.contract.record import Record
    from grader.contract.trial import Trial
    from grader.host.config import Config

_EVERY = 1.0  # seconds between two lines on the progress of a trial
_UNTOLD: Mapping[str, None] = dict.fromkeys(CurvePoint.__struct_fields__)


class EventLog:
    """Writes a session's events to a file. Raises UsageError when it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session = secrets.token_hex(4)
        self._started = time.monotonic()
        self._told: dict[str, float] = {}  # when a trial's progress was last written
        self._planned = self._reused = 0
        self._records: list[Record] = []
        self._file: int | None = _opened(path)

    @hookimpl
    def grader_session_start(
        self, config: Config, trials: Sequence[Trial], reused: Sequence[Record], slots: int
    ) -> None:
        """Write what was asked for, and what needs no run."""
        self._planned, self._reused = len(trials), len(reused)
        self._write("session_start", _session(config, trials, reused, slots))
        for record in reused:
            self._write("reused", {**_of_record(record), "finished": record.finished})

    @hookimpl
    def grader_notice(self, line: str) -> None:
        """Write it."""
        self._write("notice", {"line": line})

    @hookimpl
    def grader_trial_start(self, trial: Trial) -> None:
        """Write which."""
        self._write("trial_start", _identity(trial))

    @hookimpl
    def grader_trial_progress(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Write it, where the trial's last is long ago."""
        now, name = time.monotonic(), trial.node_id
        if now < self._told.get(name, now - _EVERY) + _EVERY:
            return
        self._told[name] = now
        claims = _UNTOLD if point is None else msgspec.structs.asdict(point)
        who = {"node_id": name, "submission": trial.submission.name}
        self._write("progress", {**who, "phase": phase, **claims})

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """Write how it ended."""
        self._told.pop(trial.node_id, None)
        self._records.append(record)
        ended = {"phase": record.phase, "reason": record.reason, "timing": record.timing}
        where = {"node": record.node, "attempt": record.attempt}
        done = {"notes": record.notes, **where, "done": len(self._records), "trials": self._planned}
        self._write("trial_finish", {**_of_record(record), **ended, **done})

    @hookimpl
    def grader_session_finish(self, config: Config) -> None:
        """Write the counts."""
        counts = Counter(str(record.status) for record in self._records)
        failures = len(self._records) - counts[Status.OK]
        unfinished = len(self._records) < self._planned
        stopped = unfinished and config.max_failures is not None and failures >= config.max_failures
        self._write(
            "session_finish",
            {
                "trials": self._planned,
                "done": len(self._records),
                "reused": self._reused,
                "counts": dict(sorted(counts.items())),
                "seconds": round(time.monotonic() - self._started, 3),
                "interrupted": unfinished and not stopped,
                "stopped_early": stopped,
            },
        )

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _write(self, event: str, fields: Mapping[str, Any]) -> None:
        """Append a line. A log that cannot be written any more is no reason to end hours of training."""
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        line = {"event": event, "time": f"{now}Z", "session": self._session, **fields}
        try:
            # msgspec writes NaN and infinity as null
            _write_all(self._file, plain_json(msgspec.json.encode(line)) + b"\n")
        except OSError as error:
            self.close()
            why = error.strerror or type(error).__name__
            say(f"grader: warning: cannot write {plain(str(self._path))}: {why}; the log ends here", err=True)


def _opened(path: Path) -> int:
    """The file, to be appended to; a line that was cut short there is ended first."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        if _cut_short(path, file):
            _write_all(file, b"\n")
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--log: cannot write {plain(str(path))}: {why}") from None
    return file


def _cut_short(path: Path, file: int) -> bool:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return False
    with path.open("rb") as written:
        written.seek(-1, os.SEEK_END)
        return written.read() != b"\n"


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _session(
    config: Config, trials: Sequence[Trial], reused: Sequence[Record], slots: int
) -> dict[str, object]:
    from grader.host import environment

    first = trials[0] if trials else None
    return {
        "root": plain(str(config.root)),
        "leaderboard": plain(str(config.leaderboard)),
        "submissions": len({trial.submission.path for trial in trials}),
        "trials": len(trials),
        "reused": len(reused),
        "slots": slots,
        "tasks": list({trial.task.name: _task(trial) for trial in trials}.values()),
        "seeds": config.seeds,
        "device": first.device if first else None,
        "threads": first.threads if first else None,
        "isolation": first.isolation if first else None,
        "versions": environment.current(),
    }


def _task(trial: Trial) -> dict[str, object]:
    task = trial.task
    sizes = {"train_samples": task.train_samples, "test_samples": task.test_samples}
    return {"name": task.name, "budget": str(trial.budget), "metric": task.metric, **sizes}


def _identity(what: Trial | Record) -> dict[str, object]:
    return {
        "node_id": what.node_id,
        "submission": what.submission.name,
        "digest": what.submission.digest,
        "task": what.task.name,
        "budget": str(what.budget),
        "seed": what.seed,
    }


def _of_record(record: Record) -> dict[str, object]:
    return {**_identity(record), "status": record.status, "metrics": record.metrics}
