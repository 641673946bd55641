"""Moments and spans as people write them, and as they are read back: '2 days', '2026-03-01 23:59'.

A moment that names no offset is in the course's time zone. Moments are compared in UTC alone: Python
compares those of one zone by their clocks, which the end of summer time sets back.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from grader.contract.errors import UsageError
from grader.contract.text import count, did_you_mean, plain

ZERO = timedelta(0)
MOST = timedelta(days=3660)  # ten years: more is a slip of the keyboard
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_SHORT = {"min": "minute", "mins": "minute", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_PART = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([a-z]+)(?:\s*(?:,|and)\s*|\s*)")
_END_OF_DAY = time(23, 59, 59)


def unit(word: str) -> timedelta:
    """Return the span of a unit's name: 'day', 'hours', 'min'. Raises UsageError."""
    lowered = word.lower()
    name = _SHORT.get(lowered, lowered.removesuffix("s"))
    if name not in _UNITS:
        hint = did_you_mean(lowered, _UNITS)
        raise UsageError(f"there is no unit {plain(word, 30)!r} among {', '.join(_UNITS)}{hint}")
    return _UNITS[name]


def parse_span(text: str) -> timedelta:
    """Return the span of '2 days', '36 hours' or '1 day 12 hours', at most ten years. Raises UsageError."""
    rest, span = text.strip().lower(), ZERO
    while rest:
        part = _PART.match(rest)
        if part is None or not text.isascii():
            raise UsageError(f"{plain(text, 60)!r} is no span of time: write one like 15 minutes or 2 days")
        span += float(part[1]) * unit(part[2])
        rest = rest[part.end() :]
    if not ZERO < span <= MOST:
        raise UsageError(f"{plain(text, 60)!r} is no span above zero and below ten years")
    return span


def parse_moment(text: str, zone: tzinfo, *, later: bool = True) -> datetime:
    """Return the moment, in UTC: ISO 8601, in the zone where it names no offset. Raises UsageError.

    A date alone is the end of its day, and an hour that the clocks show twice the later one: what is due
    is so at the last moment that is meant. With `later` False it is the first one, for what was handed in.
    """
    words = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
            read = datetime.combine(date.fromisoformat(words), _END_OF_DAY if later else time.min)
        else:
            read = datetime.fromisoformat(words)
        return in_utc(read, zone, later=later)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{plain(text, 60)!r} is no time: write 2026-03-01, 2026-03-01 23:59 or 2026-03-01T23:59+01:00"
        ) from None


def in_utc(read: datetime, zone: tzinfo, *, later: bool) -> datetime:
    """Return a time of the zone's clocks in UTC; of two that they show alike the later or the earlier."""
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    both = [read.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(both) if later else min(both)


def parse_zone(name: str) -> tzinfo:
    """Return the time zone of a name like 'UTC' or 'Europe/Berlin'. Raises UsageError."""
    if name.strip().upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError):  # its own error is a KeyError; of a folder there, an OSError
        raise UsageError(
            f"there is no time zone {plain(name, 60)!r}: write UTC, or one like Europe/Berlin"
        ) from None


def extended(due: datetime, extension: str, zone: tzinfo) -> datetime:
    """Return when it is due with an extension, a span or a time, never before it is. Raises UsageError."""
    if not extension.strip():
        return due
    if re.match(r"\s*\d{4}-", extension):
        return max(due, parse_moment(extension, zone))
    try:
        return due + parse_span(extension)
    except OverflowError:
        raise UsageError(f"{plain(extension, 60)!r} goes beyond the calendar") from None


def check_extension(extension: str) -> None:
    """Raise UsageError for an extension that `extended` would not read."""
    extended(datetime(2000, 1, 1, tzinfo=UTC), extension, UTC)


def stamp(moment: datetime, zone: tzinfo) -> str:
    """Return the moment for files, in whole seconds: '2026-03-01T22:59:59+01:00'."""
    return moment.astimezone(zone).replace(microsecond=0).isoformat()


def shown(moment: datetime, zone: tzinfo) -> str:
    """Return the moment for people: '2026-03-01 22:59:59 UTC'."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone_name(zone)}"


def zone_name(zone: tzinfo) -> str:
    """Return the name of a zone: 'UTC', 'Europe/Berlin'."""
    return zone.key if isinstance(zone, ZoneInfo) else str(zone)


def in_words(span: timedelta) -> str:
    """Return a span in words, with its two largest units: '2 days', '1 day 3 hours', '40 seconds'."""
    seconds = int(span.total_seconds())
    parts = []
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, size)
        parts += [count(number, name)] if number else []
    return " ".join(parts[:2]) or "0 seconds"
