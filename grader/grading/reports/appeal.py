"""All evidence on one student in one zip, for staff who look at an appeal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from grader.contract.errors import StoreError
from grader.contract.record import Record
from grader.contract.text import block, json_document, one_line, plain
from grader.grading.model import Grade, Gradebook, Graded, Tried
from grader.grading.reports.handed import Handed, handed_in
from grader.grading.reports.words import OUTCOMES, TEXT, points
from grader.grading.zips import zipped
from grader.host.files import replace
from grader.host.store import Store, stem

_BESIDE = ("conftest.py", "pyproject.toml")  # of a rubric: what pytest and grader read with it


def pack_appeal(
    graded: Graded, grade: Grade, out: Path, leaderboard: Path, rubric: Path, before: Gradebook | None = None
) -> Path:
    """Write the zip, to `out` or, where that is a folder, to `appeal-KEY.zip` in it, and return its path.

    In it are the files handed in, each record with its evidence, the rubric, the marks with all that was
    said, what was printed, the grade of `before` where it is given, and README.txt, which says how to run
    and verify it again. The same evidence gives the same bytes. Raises StoreError.
    """
    path = out / f"appeal-{grade.student.key}.zip" if out.is_dir() else out
    store = Store(leaderboard)
    handed = [(tried, handed_in(tried.attempt, graded.of(tried))) for tried in grade.tried]
    files = dict(_unique(_files(graded, grade, store, rubric, before, handed)))
    replace(path, zipped(files))
    return path


_Handed = list[tuple[Tried, Handed]]


def _files(
    graded: Graded, grade: Grade, store: Store, rubric: Path, before: Gradebook | None, handed: _Handed
) -> Iterator[tuple[str, bytes]]:
    yield "README.txt", "\n".join([*_readme(graded, grade, rubric, handed), ""]).encode()
    yield "grade.json", json_document(grade, in_order=True)
    yield "criteria.json", json_document(graded.book.criteria, in_order=True)
    yield "marks.txt", "\n".join(_marks(graded.book, grade)).encode()
    former = [each for each in (before.grades if before else ()) if each.student.key == grade.student.key]
    if before is not None and former:
        yield "former/grade.json", json_document(former[0], in_order=True)
        yield (
            "former/when.json",
            json_document({"graded": before.graded, "rubric_digest": before.rubric_digest}, in_order=True),
        )
    for place in (rubric, *(rubric.with_name(name) for name in _BESIDE)):
        if place == rubric or place.is_file():
            yield f"rubric/{plain(place.name)}", _read(place)
    for _, found in handed:
        yield from found.files
    for tried, _ in handed:
        for record in graded.of(tried):
            yield from _of_record(record, store)


def _of_record(record: Record, store: Store) -> Iterator[tuple[str, bytes]]:
    """The record as it lies in the leaderboard, its evidence, and what was printed."""
    path = store.path(record)
    name = f"leaderboard/{path.relative_to(store.directory).as_posix()}"
    yield name, _read(path) if path.is_file() else json_document(record, in_order=True)
    if path.with_suffix(".npz").is_file():
        yield f"{name.removesuffix('.json')}.npz", _read(path.with_suffix(".npz"))
    yield f"output/{stem(record)}.txt", f"{block(record.detail)}\n{block(record.output)}".encode()


def _readme(graded: Graded, grade: Grade, rubric: Path, handed: _Handed) -> Iterator[str]:
    book = graded.book
    yield f"Appeal of {one_line(grade.student.shown)} ({grade.student.key}): {one_line(book.assignment)}"
    yield f"Graded {one_line(book.graded)} by {one_line(book.rubric)} of SHA-256 {book.rubric_digest}."
    yield f"{points(grade.total)} of {points(grade.maximum)} points, {grade.status}. {one_line(grade.reason)}"
    yield ""
    yield "For staff: it tells of hidden criteria. marks.txt has each mark with all that was said."
    yield ""
    yield "To see in the unpacked folder whether the records are true, by training again:"
    yield "  grader verify --leaderboard leaderboard"
    for tried, found in handed:
        yield ""
        yield f"Attempt {tried.attempt.number}, {one_line(tried.attempt.source)}:"
        if tried is grade.best:
            yield "  (it counts)"
        yield from (f"  left out: {line}" for line in found.left_out)
        if found.path:
            yield from _commands(graded, tried, found.path, rubric)


def _commands(graded: Graded, tried: Tried, path: str, rubric: Path) -> Iterator[str]:
    quoted = shlex.quote(path)
    yield f"  judge it again:  grader grade {shlex.quote(f'rubric/{plain(rubric.name)}')} {quoted}"
    for record in graded.of(tried):
        yield f"  train it again:  grader run {quoted} {shlex.join(_options(record))} --leaderboard again"


def _options(record: Record) -> Iterator[str]:
    yield from ("--task", one_line(record.task.name), "--budget", one_line(record.budget))
    yield from ("--seeds", f"{record.seed},", "--device", one_line(record.device.kind))
    yield from ("--threads", str(record.device.threads), "--isolation", one_line(record.isolation))
    yield from ("--target", one_line(record.target)) if record.target else ()
    yield from ("--deterministic",) if record.deterministic else ()


def _marks(book: Gradebook, grade: Grade) -> Iterator[str]:
    for tried in grade.tried:
        yield f"Attempt {tried.attempt.number}: {points(tried.points)} of {points(tried.maximum)}"
        if tried.attempt.problem:
            yield f"  problem: {one_line(tried.attempt.problem, TEXT)}"
        if tried.penalty:
            yield f"  less {points(tried.penalty)}: {one_line(tried.penalty_reason)}"
        for mark in tried.marks:
            criterion = book.criterion(mark.criterion)
            kind = " (hidden)" if criterion and criterion.hidden else ""
            worth = f" of {points(criterion.points)}" if criterion else ""
            told = f"{points(mark.points)}{worth}, {OUTCOMES[mark.outcome]}"
            yield f"  {one_line(mark.criterion)}{kind}: {told}"
            yield from (f"    {line}" for line in block(mark.message).split("\n") if line)
            yield from (f"      {line}" for line in block(mark.detail).split("\n") if line)
        yield ""


def _unique(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Each name once, whatever its case: two attempts may have the same record, or files of one name."""
    seen: dict[str, bytes] = {}
    for name, data in files:
        path, number = PurePosixPath(name), 1
        while seen.get(str(path).casefold(), data) != data:
            number += 1
            path = PurePosixPath(name).with_stem(f"{PurePosixPath(name).stem} ({number})")
        if str(path).casefold() not in seen:
            seen[str(path).casefold()] = data
            yield str(path), data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {plain(str(path))}: {error.strerror}") from error
