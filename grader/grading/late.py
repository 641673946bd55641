"""The rule for what is handed in late, written as one sentence: '10% per day, at most 50%'."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from grader.contract.errors import UsageError
from grader.contract.text import count, plain
from grader.grading import times

EXAMPLE = "10% per day, at most 50%, grace 15 minutes, closed after 7 days"
_PERCENT = r"(\d{1,3}(?:\.\d{1,6})?)\s*%"
_NAMES = {timedelta(minutes=1): "minute", timedelta(hours=1): "hour", timedelta(days=1): "day"}
_NAMES[timedelta(weeks=1)] = "week"


@dataclass(frozen=True)
class Late:
    """What lateness costs. Percents are of an assignment's maximum, begun units count whole.

    The clock of all of it starts when the grace has ended.
    """

    percent: float = 0.0
    per: timedelta | None = None  # None takes the percent off once
    most: float = 100.0  # percent
    grace: timedelta = times.ZERO
    closed: timedelta | None = None  # after which it is worth nothing

    @classmethod
    def parse(cls, text: str) -> Late:
        """Return the rule of a sentence like EXAMPLE. Raises UsageError with one line."""
        rule, met = cls(), set()
        try:
            for part in map(str.strip, text.lower().split(",")):
                name, rule = _with(rule, part)
                if name in met:
                    raise UsageError(f"says {name} twice")
                met.add(name)
        except UsageError as error:
            raise UsageError(f"late rule {plain(text, 100)!r} {error}; write one like {EXAMPLE!r}") from None
        return rule

    def __str__(self) -> str:
        """The rule in words, which `parse` reads back."""
        parts = [_rate(self.percent, self.per)] if self.percent else []
        parts += [f"at most {_number(self.most)}%"] if self.most < 100 else []
        parts += [f"grace {times.in_words(self.grace)}"] if self.grace else []
        parts += [f"closed after {times.in_words(self.closed)}"] if self.closed is not None else []
        return ", ".join(parts) or "0%"

    def is_closed(self, late: timedelta) -> bool:
        """Whether something so late is no longer taken."""
        return self.closed is not None and late - self.grace > self.closed

    def percent_off(self, late: timedelta) -> tuple[float, str]:
        """Return the percent of the maximum that lateness costs, and how late that is in words."""
        over = late - self.grace
        if over <= times.ZERO:
            return 0.0, ""
        if self.is_closed(late):
            return 100.0, f"{times.in_words(late)} late, closed after {times.in_words(self.closed or over)}"
        if self.per is None:
            return min(self.percent, self.most), f"{times.in_words(late)} late"
        begun = -(-over // self.per)
        return min(begun * self.percent, self.most), f"{count(begun, _NAMES[self.per])} late"


def _with(rule: Late, part: str) -> tuple[str, Late]:
    """Return what a part of the sentence is about, and the rule with it."""
    for pattern, name, read in _PARTS:
        if match := re.fullmatch(pattern, part):
            return name, read(rule, match)
    raise UsageError(f"has a part {plain(part, 60)!r} that is not understood")


def _rated(rule: Late, match: re.Match[str]) -> Late:
    per = times.unit(match[2]) if match[2] else None
    return replace(rule, percent=_percent(match[1]), per=per)


def _percent(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= 100):
        raise UsageError(f"says {text}%, which is not between 0% and 100%")
    return value


_PARTS: tuple[tuple[str, str, Callable[[Late, re.Match[str]], Late]], ...] = (
    (rf"{_PERCENT}(?:\s+per\s+(?:begun\s+)?([a-z]+))?", "the percent", _rated),
    (rf"at\s+most\s+{_PERCENT}", "'at most'", lambda rule, match: replace(rule, most=_percent(match[1]))),
    (r"grace\s+(.+)", "'grace'", lambda rule, match: replace(rule, grace=times.parse_span(match[1]))),
    (
        r"closed\s+after\s+(.+)",
        "'closed'",
        lambda rule, match: replace(rule, closed=times.parse_span(match[1])),
    ),
)


def _rate(percent: float, per: timedelta | None) -> str:
    return f"{_number(percent)}%" + (f" per {_NAMES[per]}" if per is not None else "")


def _number(value: float) -> str:
    return f"{value:g}"
