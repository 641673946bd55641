"""`--log FILE`, driven through the hooks: every line valid, whole, and there at once."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import factories
import msgspec
import pytest

from grader.contract.errors import UsageError
from grader.contract.record import CurvePoint, Record
from grader.contract.trial import Trial
from grader.host import log as logs
from grader.host.log import EventLog
from grader.host.settings import make_config

HOSTILE = "\x1b[31m\u202e\x9b文件\u2028"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def read(path: Path) -> list[dict[str, Any]]:
    """Every line is an object of standard JSON."""
    return [json.loads(line, parse_constant=no_constant) for line in path.read_text("utf-8").splitlines()]


def started(path: Path, trials: list[Trial], reused: list[Record] | None = None, **wishes: Any) -> EventLog:
    log = EventLog(path)
    log.grader_session_start(make_config(leaderboard=path.parent, **wishes), trials, reused or [], 2)
    return log


def point(**told: Any) -> CurvePoint:
    return CurvePoint(epoch=1.5, steps=3, samples=192, seconds=0.5, **told)


def test_each_event_tells_its_part(path: Path) -> None:
    good, bad = factories.trial("good"), factories.trial("bad", seed=3)
    reused = factories.record("earlier", seed=7)
    log = started(path, [good, bad], [reused])
    for trial, record in ((good, factories.record("good")), (bad, factories.failed("bad", seed=3))):
        log.grader_trial_start(trial)
        log.grader_trial_progress(trial, "train", point(loss=0.5))
        log.grader_trial_finish(trial, record)
    log.grader_session_finish(make_config())
    lines = read(path)  # before it is closed: each was written at once
    log.close()
    each = ["trial_start", "progress", "trial_finish"]
    assert [line["event"] for line in lines] == ["session_start", "reused", *each, *each, "session_finish"]
    first, known, start, progress, finish, *_, last = lines
    assert (first["trials"], first["reused"], first["slots"], first["submissions"]) == (2, 1, 2, 2)
    assert first["tasks"][0]["budget"] == "3 epochs"
    assert first["versions"]["grader"]
    assert known["node_id"] == "submissions/earlier.py::digits[seed=7]"
    assert start["node_id"] == progress["node_id"] == finish["node_id"] == good.node_id
    assert (progress["phase"], progress["loss"], progress["accuracy"]) == ("train", 0.5, None)
    assert finish["metrics"]["accuracy"] == 0.9
    assert finish["timing"]["train_seconds"] == 1.234
    assert lines[-2]["reason"] == "ZeroDivisionError: division by zero"
    assert last["counts"] == {"crashed": 1, "ok": 1}
    assert (last["trials"], last["done"], last["reused"]) == (2, 2, 1)
    assert not last["interrupted"]
    assert len({line["session"] for line in lines}) == 1
    for line in lines:
        assert line["time"].endswith("Z")
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None


def test_progress_is_written_once_a_second_for_each_trial(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("grader.host.log.time.monotonic", lambda: now[0])
    trials = [factories.trial(name) for name in "ab"]
    log = started(path, trials)
    for _ in range(50):
        for trial in trials:
            log.grader_trial_progress(trial, "train", point())
        now[0] += 0.1
    log.close()
    names = [line["submission"] for line in read(path) if line["event"] == "progress"]
    assert (names.count("a"), names.count("b")) == (5, 5)


def test_no_number_is_nan_and_nothing_in_it_acts_on_a_terminal(path: Path) -> None:
    trial = factories.trial(HOSTILE)
    log = started(path, [trial])
    log.grader_trial_progress(trial, "train", point(loss=math.nan, accuracy=math.inf))
    odd = factories.failed(HOSTILE, reason=HOSTILE, metrics={"x": math.nan})
    log.grader_trial_finish(trial, odd)
    log.close()
    text = path.read_text("utf-8")
    assert text.replace("\n", "").isprintable()
    _, progress, finish = read(path)
    assert (progress["loss"], progress["accuracy"]) == (None, None)
    assert finish["metrics"] == {"x": None}
    assert (finish["reason"], finish["submission"]) == (HOSTILE, HOSTILE)


def test_sessions_are_appended_and_told_apart(path: Path) -> None:
    path.write_text('{"event": "cut sho', "utf-8")
    for _ in range(2):
        started(path, []).close()
    broken, *lines = path.read_text("utf-8").splitlines()
    assert broken == '{"event": "cut sho'
    assert len({json.loads(line)["session"] for line in lines}) == len(lines) == 2


@pytest.mark.parametrize(("ended", "wishes", "told"), [
    (1, {}, (True, False)),
    (1, {"max_failures": 1}, (False, True)),
    (1, {"max_failures": 2}, (True, False)),
    (2, {"max_failures": 2}, (False, False)),
])  # fmt: skip
def test_the_end_tells_why_not_all_ran(
    path: Path, ended: int, wishes: dict[str, Any], told: tuple[bool, bool]
) -> None:
    trials = [factories.trial(name) for name in "ab"]
    log = started(path, trials, **wishes)
    for trial in trials[:ended]:
        log.grader_trial_finish(trial, factories.failed(trial.submission.name))
    log.grader_session_finish(make_config(**wishes))
    log.close()
    last = read(path)[-1]
    assert (last["interrupted"], last["stopped_early"]) == told


@pytest.mark.parametrize("name", ["no/such/folder/x", ".", "x\0y"])
def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--log: cannot write [^\n]+: [^\n]+$"):
        EventLog(tmp_path / name)


def test_a_disk_that_fills_up_is_one_warning_and_the_run_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    log = started(Path("/dev/full"), [factories.trial()])
    log.grader_trial_start(factories.trial())
    log.grader_session_finish(make_config())
    log.close()
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "grader: warning: cannot write /dev/full: No space left on device; the log ends here\n",
    )


def test_its_docstring_names_every_field(path: Path) -> None:
    """Programs are written by it."""
    trial = factories.trial()
    log = started(path, [trial], [factories.record()])
    log.grader_trial_start(trial)
    log.grader_trial_progress(trial, "train", point())
    log.grader_trial_finish(trial, factories.record())
    log.grader_session_finish(make_config())
    log.close()
    words = set(re.findall(r"\w+", logs.__doc__ or ""))
    for line in read(path):
        assert {line["event"], *line} <= words
    assert set(msgspec.json.decode(path.read_bytes().splitlines()[0])["versions"]) <= words
