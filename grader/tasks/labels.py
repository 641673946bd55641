"""Label files of image-csv tasks: rows of `name, label`, read strictly. Standard library alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TextIO

from grader.contract.errors import TaskUnavailable
from grader.contract.text import plain

MAX_LABEL = 100  # characters: class names stand in every record


class Row(NamedTuple):
    """One line of a label file; `file` is the image's path, `where` says "labels.csv, line 3"."""

    file: Path
    label: str
    where: str


def read_rows(path: Path, images: Path) -> list[Row]:
    """Return the rows, each with an image that exists. Raises TaskUnavailable naming file and line."""
    rows: list[Row] = []
    seen: dict[Path, str] = {}
    for row in _rows(path, images):
        if row.file in seen:
            raise TaskUnavailable(f"{row.where}: {row.file.name!r} is there twice, see {seen[row.file]}")
        if not row.file.is_file():
            raise TaskUnavailable(
                f"{row.where}: no image {plain(str(row.file), 500)}; correct the name, or put the image there"
            )
        seen[row.file] = row.where
        rows.append(row)
    if not rows:
        raise TaskUnavailable(f"{plain(str(path))} holds no labels; write lines such as 'tshirt1.jpg, 0'")
    return rows


def class_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the classes that labels without configured names speak of, in the order of their indices.

    Integers are indices, and must cover 0 to K - 1; anything else is a name, and names are sorted.
    """
    if not _integer(rows[0].label):
        return tuple(sorted({row.label for row in rows}))
    for row in rows:
        if not _integer(row.label):
            raise TaskUnavailable(f"{row.where}: label {row.label!r} is not an integer, as the first one is")
    found = {int(row.label) for row in rows}
    expected = range(len(found))
    for row in rows:
        if int(row.label) not in expected:
            raise TaskUnavailable(
                f"{row.where}: label {row.label}, but none is {min(set(expected) - found)}; number classes "
                "from 0 without gaps, or give their names as classes = [...]"
            )
    return tuple(str(index) for index in expected)


def target(row: Row, classes: Sequence[str]) -> int:
    """Return the index of the row's class, by its name or else by its number. Raises TaskUnavailable."""
    if row.label in classes:
        return classes.index(row.label)
    if not _integer(row.label):
        raise TaskUnavailable(
            f"{row.where}: label {row.label!r} is neither an integer nor a class; the classes are "
            f"{plain(', '.join(classes), 300)}"
        )
    if not 0 <= int(row.label) < len(classes):
        raise TaskUnavailable(f"{row.where}: label {row.label} is not from 0 to {len(classes) - 1}")
    return int(row.label)


def _rows(path: Path, images: Path) -> Iterator[Row]:
    shown = plain(str(path))
    if not images.is_dir():
        raise TaskUnavailable(
            f"no folder {plain(str(images))}; set images = ... to the folder of the images of {shown}"
        )
    for line, fields in _lines(path):
        where = f"{shown}, line {line}"
        if len(fields) != 2:
            raise TaskUnavailable(f"{where}: found {len(fields)} columns; write 'name, label'")
        name, label = fields
        if len(label) > MAX_LABEL:
            raise TaskUnavailable(f"{where}: a label of {len(label):,} characters; {MAX_LABEL} are allowed")
        file = images / _safe(name, where)
        if line == 1 and _is_header(name, label, file):
            continue
        yield Row(file, label, where)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _fields(path, file)
    except FileNotFoundError:
        raise TaskUnavailable(
            f"no label file {plain(str(path))}; set labels = ... to a file of 'name, label'"
        ) from None
    except UnicodeDecodeError:
        raise TaskUnavailable(f"{plain(str(path))} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise TaskUnavailable(f"cannot read the label file {plain(str(path))} ({error.strerror})") from error


def _fields(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    # strict: an unbalanced quote would else swallow the lines after it without a word.
    reader, shown = csv.reader(file, skipinitialspace=True, strict=True), plain(str(path))
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as error:
        raise TaskUnavailable(f"{shown}, line {reader.line_num}: {error}; mend the quotes") from None


def _is_header(name: str, label: str, file: Path) -> bool:
    # "missing.png, cat" is a mistake to report, not a header to skip: headers have no file extension.
    return not _integer(label) and not PurePosixPath(name).suffix and not file.exists()


def _safe(name: str, where: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise TaskUnavailable(f"{where}: {name[:300]!r} leads out of the image folder; name a file below it")
    return path


def _integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,9}", text) is not None
