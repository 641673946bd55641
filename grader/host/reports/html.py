"""index.html: the whole leaderboard on one page that needs no network, and its pictures below plots/.

The page says what it was made from. Where that is unchanged, and page and pictures lie there as they were
written, they are left as they are: drawing takes seconds, and a run often brings nothing new.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from grader import hookimpl
from grader.host.archive import Archive
from grader.host.files import begins, remove, replace
from grader.host.rank import Standings
from grader.host.reports import shakeup
from grader.host.reports.draw import MARK, digest_of
from grader.host.shakeup import ShakeUp

PLOTS = "plots"
BEGINS = (
    b'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    b'<meta name="grader-made-of" content="'
)
_LISTED = re.compile(rb'<meta name="grader-plots" content="([^"]*)">')
_END = b"\n<!-- SHA-256 of all above: "
_HERE = Path(__file__).parent


@hookimpl(tryfirst=True)  # before README.md, which shows the plots that lie there
def grader_write_leaderboard(standings: Standings, archive: Archive, directory: Path) -> list[Path]:
    """Write index.html and the plots, and remove plots of tracks that are gone."""
    moved = shakeup.read(directory)
    made_of = fingerprint(standings, archive, moved)
    return _unchanged(directory, made_of) or _write(standings, archive, moved, directory, made_of)


def fingerprint(standings: Standings, archive: Archive, moved: Sequence[ShakeUp] = ()) -> str:
    """SHA-256 over what the page is made from: records, evidence, whether samples are there, and code.

    And of a final leaderboard what moved.
    """
    digest = hashlib.sha256(_code())
    encoder = msgspec.json.Encoder(order="deterministic")
    digest.update(encoder.encode(moved))
    for table in standings.tables:
        digest.update(encoder.encode((table, archive.has_samples(table.task))))
        for row in table.rows:
            for record in archive.runs(table, row):
                proof = archive.proof(record)
                digest.update(encoder.encode((record, len(proof))))
                digest.update(proof)
    return digest.hexdigest()


@cache
def _code() -> bytes:
    """What makes the page: its files, and the libraries that draw."""
    digest = hashlib.sha256()
    for path in sorted([*_HERE.glob("*.py"), *_HERE.glob("page.*")]):
        digest.update(path.read_bytes())
    for library in ("matplotlib", "jinja2", "pillow"):
        digest.update(version(library).encode())
    return digest.digest()


def _unchanged(directory: Path, made_of: str) -> list[Path]:
    """The files, where all of them lie there as they were written from the same; else none."""
    path = directory / "index.html"
    try:
        whole = path.read_bytes() if path.is_file() else b""
        if not whole.startswith(BEGINS + made_of.encode()):
            return []
        body, _, end = whole.rpartition(_END)
        if end != _ending(body):
            return []
        return [path, *_checked(directory / PLOTS, body)]
    except (OSError, ValueError):
        return []


def _checked(folder: Path, page: bytes) -> Iterator[Path]:
    """The plots that the page lists. Raises ValueError for one that is not as it was, or for one too many."""
    listed = _LISTED.search(page)
    assert listed is not None
    names = set()
    for entry in listed[1].decode().split():
        name, _, digest = entry.partition(":")
        if digest_of((folder / name).read_bytes()) != digest:
            raise ValueError(f"{name} was changed")
        names.add(name)
        yield folder / name
    if {path.name for path in _ours(folder)} - names:
        raise ValueError("there are plots of tracks that are gone")


def _write(
    standings: Standings, archive: Archive, moved: Sequence[ShakeUp], directory: Path, made_of: str
) -> list[Path]:
    from grader.host.reports.make import made

    page, plots = made(standings, archive, made_of, moved)
    folder = directory / PLOTS
    written = []
    for name, data in plots.items():
        replace(folder / name, data)
        written.append(folder / name)
    for path in _ours(folder):
        if path.name not in plots:
            remove(path, start=MARK)
    body = page.encode()
    replace(directory / "index.html", body + _END + _ending(body))
    return [directory / "index.html", *written]


def _ours(folder: Path) -> list[Path]:
    """Plots that some run of ours wrote, by name; what somebody else put there is left alone."""
    return sorted(path for path in folder.glob("*-*.svg") if begins(path, MARK))


def _ending(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b" -->\n"
