"""How marks and numbers are put into words, and what of a text a student may see."""

from __future__ import annotations

import math
import re

from grader.contract.errors import StoreError
from grader.contract.text import block, one_line
from grader.grading.model import Outcome

TEXT = 1500  # characters of a message
_CUT = 8000  # characters of a traceback, and fewer than of the output, from which on a worker cuts
OUTCOMES = {
    Outcome.PASSED: "met",
    Outcome.PARTIAL: "partly met",
    Outcome.FAILED: "not met",
    Outcome.BLOCKED: "not counted",
    Outcome.EXCUSED: "left out",
    Outcome.GRADER_ERROR: "could not be judged",
}
NOT_YOURS = "This could not be judged, by no fault of yours: it costs you nothing, and staff have been told."

_URL = r"(?P<url>\bhttps?://[^\s'\"<>]*)"
_QUOTED = r"(?P<quote>['\"`])(?P<inside>(?:file://)?(?:/|[A-Za-z]:[\\/]|\\\\)[^'\"`\n]*)(?P=quote)"
_POSIX = r"(?:file://|(?<![\w./~\\]))/+[^\s/'\"`<>]+/[^\s'\"`<>]*"
_WINDOWS = r"(?:(?<![A-Za-z])[A-Za-z]:[\\/]|\\\\)[^\s'\"`<>\\/]+[\\/][^\s'\"`<>]*"
_PATH = re.compile(f"{_URL}|{_QUOTED}|(?P<bare>{_POSIX}|{_WINDOWS})")
_LIBRARY = re.compile(r".*[\\/](?:site-packages|dist-packages|python3\.\d+)[\\/](?=[^\\/])", re.DOTALL)


def figure(value: float) -> str:
    """The number as short as it can be, at most six decimals: `87.5`, `40`. Raises StoreError for nan."""
    return _short(value, 6)


def exact(value: float) -> float:
    """The number as `figure` writes it, an int where it is whole. Raises StoreError for nan."""
    text = figure(value)
    return float(text) if "." in text else int(text)


def points(value: float) -> str:
    """The number for people: at most two decimals. Raises StoreError for nan."""
    return _short(value, 2)


def _short(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        raise StoreError(f"a grade is {value}: no file can hold it; look at the rubric's points")
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def scrub(text: str) -> str:
    """Return the text with each absolute path cut down to its last part.

    What lies in a library keeps its place there (`torch/nn/functional.py`), and so does a web address. A
    single name below the root (`/5`) says nothing of a machine, and is more often no path at all.
    """
    return _PATH.sub(_cut, text)


def said(text: str, limit: int = TEXT) -> str:
    """What a worker or the rubric said, on one line for a student: no paths, nothing that does not print."""
    return one_line(scrub(text), limit)


def printed(text: str, limit: int) -> str:
    """The last lines of several, at most `limit` characters, fit for a student."""
    if len(text) >= _CUT or len(text) > 2 * limit:  # a worker cut it, or it is cut here before it is read
        text = text[-2 * limit :]  # and from a whole line, or word, on: half a path is not known as one
        text = text.partition("\n")[2] or text.partition(" ")[2]
    text = scrub(text).strip("\n")
    if len(text) > limit:
        text = "…\n" + (text[-limit:].partition("\n")[2] or text[-limit:])
    return block(text, 500)


def _cut(found: re.Match[str]) -> str:
    if found["url"] is not None:
        return found[0]
    if found["inside"] is not None:
        return f"{found['quote']}{_last(found['inside'])}{found['quote']}"
    return _last(found["bare"])


def _last(path: str) -> str:
    inside = _LIBRARY.match(path)
    if inside is not None:
        return path[inside.end() :]
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]
