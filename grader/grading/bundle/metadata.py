"""What the platform tells of a submission in submission_metadata.json: who, when, and due when.

Its documentation says that the file may change: whatever is not as expected is left out, and told to staff.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading import times
from grader.grading.model import Student

KEY = "submission"  # of the one student, or group, whose files these are
_MOST = 64 << 20  # bytes: the results of every earlier submission are in it
_LENGTH = 200  # characters of a name


@dataclass(frozen=True)
class User:
    """One of those who handed it in together."""

    name: str = ""
    email: str = ""
    id: str = ""
    sid: str = ""
    due: datetime | None = None  # the user's own, where an extension was given on the platform


@dataclass(frozen=True)
class Metadata:
    """What is known of a submission. Times have their offset."""

    created: datetime | None = None
    due: datetime | None = None
    users: tuple[User, ...] = ()
    earlier: int = 0  # submissions of the same
    problems: tuple[str, ...] = ()  # for staff

    def student(self) -> Student:
        """The one whose grade this becomes: a group is one, whose members all get it from the platform."""
        first = self.users[0] if self.users else User()
        names = ", ".join(filter(None, (user.name or user.email for user in self.users)))
        return Student(key=KEY, name=plain(names, _LENGTH) or KEY, email=first.email, id=first.id)

    def due_with(self, own: datetime | None, extended: Iterable[Student], zone: tzinfo) -> datetime | None:
        """When it was due, in UTC: by the platform, else `own` of the rubric; with the latest extension.

        An extension is the platform's, or, for one who has none there, that of the roster.
        """
        due = self.due or own
        known = list(extended)
        moments = [moment for user in self.users or (User(),) if (moment := _due(user, due, known, zone))]
        return max(moments).astimezone(UTC) if moments else None


def read_metadata(file: Path) -> Metadata:
    """Return what the file tells. Raises nothing: what cannot be read is among the problems."""
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(_MOST))
    except (OSError, ValueError, RecursionError) as error:
        return Metadata(problems=(f"{file.name} cannot be read ({plain(str(error), 200)}): nothing is late",))
    if not isinstance(found, dict):
        return Metadata(problems=(f"{file.name} holds no object: nothing is late",))
    problems: list[str] = []
    assignment = _table(found, "assignment")
    created = _moment(found, "created_at", problems)
    if created is None:
        problems.append(f"{file.name} does not say when it was handed in: it is not taken for late")
    return Metadata(
        created=created,
        due=_moment(assignment, "due_date", problems),
        users=tuple(_users(found, problems)),
        earlier=len(_list(found, "previous_submissions")),
        problems=tuple(problems),
    )


def _due(user: User, due: datetime | None, extended: Sequence[Student], zone: tzinfo) -> datetime | None:
    if user.due is not None and user.due != due:
        return user.due
    mine = next((each.extension for each in extended if _same(each, user)), "")
    if due is None or not mine:
        return due
    try:
        return times.extended(due, mine, zone)
    except UsageError:  # the roster was checked when the bundle was made
        return due


def _same(student: Student, user: User) -> bool:
    """Whether the roster's student is this user of the platform."""
    if student.email and user.email:
        return student.email.casefold() == user.email.casefold()
    told = {user.sid, user.id} - {""}
    return bool(told & {student.id, student.sis_id, student.login})


def _users(found: Mapping[str, Any], problems: list[str]) -> Iterator[User]:
    for each in _list(found, "users"):
        if isinstance(each, dict):
            words = {name: _word(each, name) for name in ("name", "email", "id", "sid")}
            yield User(**words, due=_moment(_table(each, "assignment"), "due_date", problems))


def _moment(table: Mapping[str, Any], name: str, problems: list[str]) -> datetime | None:
    value = table.get(name)
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(str(value))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        problems.append(f"the platform's {name} {plain(str(value), 60)!r} is no time: left out")
        return None


def _word(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    return plain(str(value), _LENGTH) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _list(table: Mapping[str, Any], name: str) -> list[Any]:
    value = table.get(name)
    return value if isinstance(value, list) else []
