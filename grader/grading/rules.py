"""By which rules a course grades: `[tool.grader.grading]`, with the command line's words laid over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, get_args

from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean, plain
from grader.grading import times
from grader.grading.late import Late
from grader.host.files import absolute
from grader.host.pyproject import Given

Choice = Literal["latest", "first", "best"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who hands in by when, and what counts. Paths are absolute and exist; `due` is in UTC."""

    roster: Path | None = None
    metadata: Path | None = None
    due: datetime | None = None
    late: Late | None = None
    attempts: Choice = "latest"
    timezone: tzinfo = UTC  # of times that name no offset: the same on every machine
    handout: tuple[Path, ...] = ()


def read_rules(given: Mapping[str, Given], said: Mapping[str, object], cwd: Path) -> Rules:
    """Return the rules of `[tool.grader.grading]`, over which goes what was said (None is "not said").

    What was said is relative to `cwd`. Raises one UsageError with a line for each thing that is wrong.
    """
    over = {key: Given(value, key, cwd) for key, value in said.items() if value not in (None, (), [], "")}
    values = {key: value for key, value in {**given, **over}.items() if key in _READERS}
    read: dict[str, Any] = {}
    wrong: list[str] = []
    zone = _one("timezone", values, UTC, read, wrong)
    for key in values:
        if key != "timezone":
            _one(key, values, zone, read, wrong)
    if "late" in read and "due" not in values:
        wrong.append(f"{values['late'].source}: nothing is late without a due time: set due as well")
    if wrong:
        raise UsageError("\n".join(wrong))
    return Rules(**read)


def in_words(rules: Rules) -> dict[str, str]:
    """Return the rules for people, by what they are about."""
    due = times.shown(rules.due, rules.timezone) if rules.due else "no time: nothing is late"
    late = str(rules.late) + " (of the maximum)" if rules.late else "costs nothing"
    counts = {"best": "the best counts", "first": "the first counts", "latest": "the latest counts"}
    zone = times.zone_name(rules.timezone)
    return {
        "due": due,
        "late": late,
        "attempts": counts[rules.attempts],
        "timezone": f"{zone}, for every time that names no offset",
    }


def _one(
    key: str, values: Mapping[str, Given], zone: tzinfo, read: dict[str, Any], wrong: list[str]
) -> tzinfo:
    """Read one value, if it is there, or keep the line that says why not. Returns the zone as it is now."""
    if key in values:
        try:
            read[key] = _READERS[key](values[key], zone)
        except UsageError as error:
            wrong.append(f"{values[key].source}: {error}")
    found: tzinfo = read.get("timezone", UTC)
    return found


def _file(given: Given, _: tzinfo) -> Path:
    path = given.base / Path(str(given.value)).expanduser()
    if path.is_dir():
        raise UsageError(f"{plain(str(path))} is a folder: name a file")
    if not path.is_file():
        raise UsageError(f"there is no file {plain(str(path))}{_nearest(path)}")
    return absolute(path)


def _places(given: Given, _: tzinfo) -> tuple[Path, ...]:
    words = [given.value] if isinstance(given.value, str | Path) else list(given.value)
    paths = [given.base / Path(str(word)).expanduser() for word in words]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"there is no file or folder {plain(str(missing[0]))}{_nearest(missing[0])}")
    return tuple(map(absolute, paths))


def _nearest(path: Path) -> str:
    beside = [str(each) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(str(path), beside)


def _choice(given: Given, _: tzinfo) -> Choice:
    word = str(given.value).strip().lower()
    for choice in get_args(Choice):
        if word == choice:
            return choice  # type: ignore[no-any-return]  # one of get_args' own
    known: tuple[str, ...] = get_args(Choice)
    raise UsageError(f"no choice {plain(word, 60)!r} among {', '.join(known)}{did_you_mean(word, known)}")


_READERS: dict[str, Callable[[Given, tzinfo], object]] = {
    "roster": _file,
    "metadata": _file,
    "due": lambda given, zone: times.parse_moment(str(given.value), zone),
    "late": lambda given, _: given.value if isinstance(given.value, Late) else Late.parse(str(given.value)),
    "attempts": _choice,
    "timezone": lambda given, _: times.parse_zone(str(given.value)),
    "handout": _places,
}
