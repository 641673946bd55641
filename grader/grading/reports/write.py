"""All files of a grading but grades.json, which the others are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading.model import Alike, Graded
from grader.grading.reports.feedback import as_html, as_markdown
from grader.grading.reports.gradescope import results
from grader.grading.reports.sheet import sheet
from grader.grading.reports.staff import staff_page
from grader.grading.reports.visible import feedback
from grader.host.files import not_written


def write_all(graded: Graded, folder: Path, pairs: Sequence[Alike] = ()) -> list[Path]:
    """Write grades.csv, staff.html, feedback/ and gradescope/ into a folder, and return the files.

    The folder is one in the making: who swaps it in brings it to disk as well. Raises UsageError for a
    student's key that is no file name, and StoreError for a number that is none or a disk that is full.
    """
    _check([grade.student.key for grade in graded.grades()])
    written = []
    for name, text in _files(graded, pairs):
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        except OSError as error:
            raise not_written(path, error) from error
        written.append(path)
    return written


def _files(graded: Graded, pairs: Sequence[Alike]) -> Iterator[tuple[str, bytes]]:
    yield "grades.csv", sheet(graded.book).encode()
    yield "staff.html", staff_page(graded, pairs).encode()
    for grade in graded.grades():
        key, told = grade.student.key, feedback(graded, grade)
        yield f"feedback/{key}.md", as_markdown(told).encode()
        yield f"feedback/{key}.html", as_html(told).encode()
        yield f"gradescope/{key}.json", results(graded, grade, told)


def _check(keys: Sequence[str]) -> None:
    """A key that is a path would write elsewhere. Two that differ only in case are one file on some disks."""
    many = Counter(key.casefold() for key in keys)
    bad = [
        key
        for key in keys
        if key in {"", ".", ".."} or {*key} & {*"/\\"} or key != plain(key) or many[key.casefold()] > 1
    ]
    if bad:
        told = (f"student {plain(key)!r}: no file's name, or that of two students" for key in bad)
        raise UsageError("\n".join(told))
