"""Discovery: from paths and names to submissions, reading their syntax trees and importing none."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader import hookimpl
from grader.contract.errors import NothingCollected, UsageError
from grader.contract.submission import Submission
from grader.contract.text import did_you_mean, plain
from grader.host import hooks, source
from grader.host.files import absolute
from grader.host.installed import Installed, installed
from grader.host.modules import Sources
from grader.host.naming import Nameable, unique_names

if TYPE_CHECKING:
    import pluggy

    from grader.host.config import Config

SKIPPED = ("_*", ".*", "conftest.py", "test_*.py", "setup.py")  # in a folder; a file named outright is taken
ENTRIES = ("submission.py", "__init__.py")  # what makes a folder one submission, the first found


@hookimpl
def grader_collect(path: Path, config: Config) -> list[Submission] | None:
    """Return the submissions in a file or folder, or the installed one of that name."""
    if os.path.lexists(path):
        return submissions_at(path, config.root, config.limits.submission)
    known = installed() if len(path.parts) == 1 else {}
    limit = config.limits.submission
    return [_read_installed(known[path.name], limit)] if path.name in known else None


def collect(config: Config, manager: pluggy.PluginManager) -> list[Submission]:
    """Return the submissions that the configuration asks for, uniquely named, in the order asked.

    Raises UsageError for a path that does not exist, and NothingCollected where there is none at all.
    """
    found: dict[tuple[str, str], Submission] = {}
    for path in config.paths or _default_paths(config):
        for submission in _collect_one(path, config, manager):
            found.setdefault((submission.path, submission.entry), submission)
    if not found:
        raise NothingCollected(_nothing(config))
    return _named(list(found.values()))


def submissions_at(path: Path, root: Path, limit: int) -> list[Submission]:
    """Return the submissions in a file or folder that exists, by their places; names may be alike.

    They are shown relative to the root, and may take `limit` bytes each. Raises UsageError.
    """
    return _without_helpers([_read(place, root, limit) for place in _places(path)])


def submission_of(file: Path, display: str, limit: int) -> Submission:
    """Return the one submission that a Python file is, shown as something else: what it was made of."""
    return _submission(Sources(file.parent, file.name, package=False, limit=limit), file, display)


def is_skipped(name: str) -> bool:
    """Whether a file or folder of this name is passed over in a folder."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in SKIPPED)


def shown_at(path: Path, root: Path) -> str:
    """Return how a submission's path is shown: relative to the root, where it lies below it."""
    return _display(path, absolute(path), root)


def _collect_one(path: str, config: Config, manager: pluggy.PluginManager) -> Sequence[Submission]:
    submissions = manager.hook.grader_collect(path=Path(path), config=config)
    if submissions is None:
        raise UsageError(
            f"{plain(path)}: no such file or folder, nor an installed submission{_nearest(path)}"
        )
    return list(submissions)


def _default_paths(config: Config) -> list[str]:
    folder = config.root / "submissions"
    return [*([str(folder)] if folder.is_dir() else []), *installed()]


def _nothing(config: Config) -> str:
    places = ", ".join(plain(path) for path in config.paths) or f"{plain(str(config.root))}/submissions"
    return f"no submission in {places}; `grader new NAME` writes a first one"


def _nearest(path: str) -> str:
    """Return '; did you mean X?' for the nearest thing that exists beside what is missing."""
    missing = Path(path)
    while missing.parent != missing and not os.path.lexists(missing.parent):
        missing = missing.parent
    try:
        beside = [str(path) for path in missing.parent.iterdir()]
    except OSError:
        beside = []
    return did_you_mean(str(missing), [*beside, *installed()])


# --- places: where a submission might be ---


@dataclass(frozen=True)
class _Place:
    """One submission's file or folder, as given, not yet read."""

    path: Path
    entry: str  # relative to the folder
    package: bool


def _places(path: Path) -> Iterator[_Place]:
    """Yield the submissions at a path that exists, sorted. Raises UsageError for what is none."""
    if _is_folder(path):
        yield from sorted(_places_in(path), key=lambda place: place.path.as_posix())
    elif path.name in ENTRIES:
        yield from _places(path.parent)  # the folder is the submission
    elif path.suffix == ".py":
        yield _Place(path, path.name, package=False)
    else:
        raise UsageError(f"{plain(str(path))} is no Python file: a submission's name ends in .py")


def _places_in(folder: Path) -> Iterator[_Place]:
    """Look through a folder and plain folders below it; a linked circle is walked once."""
    waiting, seen = [folder], set()
    while waiting:
        current = waiting.pop()
        real = os.path.realpath(current)
        names = _names_in(current) if real not in seen else []
        seen.add(real)
        entry = next((name for name in ENTRIES if name in names), None)
        if entry is not None:
            yield _Place(current, entry, package=True)
            continue
        for path in (current / name for name in names if not is_skipped(name)):
            if _is_folder(path):
                waiting.append(path)
            elif path.suffix == ".py":
                yield _Place(path, path.name, package=False)


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:  # of names alone: somebody's folder may hold 100,000
            return sorted(entry.name for entry in entries)
    except OSError as error:
        raise UsageError(f"{plain(str(folder))} cannot be read: {error.strerror}") from error


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _without_helpers(submissions: list[Submission]) -> list[Submission]:
    """Leave out files that another one imports and that implement no hook themselves."""
    helpers = {
        str(Path(each.path).parent / name)
        for each in submissions
        if not each.package
        for name in each.files
        if name != Path(each.path).name
    }
    return [each for each in submissions if each.hooks or each.package or each.path not in helpers]


# --- reading ---


def _read(place: _Place, root: Path, limit: int) -> Submission:
    path = absolute(place.path)
    folder = path if place.package else path.parent
    sources = Sources(folder, place.entry, package=place.package, limit=limit)
    return _submission(sources, path, _display(place.path, path, root))


def _read_installed(found: Installed, limit: int) -> Submission:
    if found.problem:
        return _unlocated(found)
    entry = found.entry.relative_to(found.folder).as_posix()
    # what lies beside an installed module is installed itself, and not the submission's own
    sources = Sources(found.folder, entry, package=found.package, limit=limit, siblings=False)
    path = found.folder if found.package else found.entry
    return msgspec.structs.replace(_submission(sources, path, plain(found.name)), name=found.name)


def _unlocated(found: Installed) -> Submission:
    name = plain(found.name)
    return Submission(
        name=name, path=name, display=name, entry=name, package=False, files=(),
        digest=source.digest({}), problem=plain(found.problem, 300),
    )  # fmt: skip


def _submission(sources: Sources, path: Path, display: str) -> Submission:
    found = hooks.find(sources)
    entry = sources.module(sources.entry)
    place = _Shown(display, sources)
    return Submission(
        name=path.stem if not sources.package else path.name,
        path=_encodable(str(path)),
        display=display,
        entry=_encodable(str(sources.folder / sources.entry)),
        package=sources.package,
        files=tuple(_encodable(name) for name in sorted(sources.data)),
        digest=source.digest(sources.data),
        size=sources.size,
        title=entry.title if entry else "",
        hooks=found.hooks,
        imports=sources.imports(),
        problem=place.one_line([*sources.problems, *found.problems]),
        notes=tuple(dict.fromkeys(plain(note, 300) for note in found.notes)),
    )


@dataclass(frozen=True)
class _Shown:
    """How places in a submission are shown: `file:line`, from where the person stands."""

    display: str
    sources: Sources

    def one_line(self, problems: Iterable[tuple[str, int | None, str]]) -> str:
        """Return the first problem, with its place, and how many there are behind it."""
        lines = list(dict.fromkeys(self._line(*problem) for problem in problems))
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return f"{lines[0]}{more}" if lines else ""

    def _line(self, file: str, line: int | None, message: str) -> str:
        place = self._file(file) if line is None else f"{self._file(file)}:{line}"
        return plain(f"{place}: {message}" if line is not None else f"{place} {message}", 300)

    def _file(self, file: str) -> str:
        if not self.sources.package:
            base = self.display.rpartition("/")[0]
            return self.display if file == self.sources.entry else f"{base}/{file}".lstrip("/")
        return f"{self.display}/{file}" if file else self.display


def _display(given: Path, absolute: Path, root: Path) -> str:
    """Return the path relative to the root, where it lies below it, else as it was given."""
    for path, above in ((absolute, root), (Path(os.path.realpath(absolute)), Path(os.path.realpath(root)))):
        if path.is_relative_to(above):
            return plain(path.relative_to(above).as_posix())
    return plain(given.as_posix())


def _encodable(text: str) -> str:
    """Return text that fits into a message; a name that is not UTF-8 is a problem of its own."""
    return text.encode("utf-8", "backslashreplace").decode()


def _named(submissions: list[Submission]) -> list[Submission]:
    parts = [Nameable(each.name, Path(each.path).parent.name, each.digest, each.path) for each in submissions]
    names = unique_names(parts)
    return [msgspec.structs.replace(each, name=name) for each, name in zip(submissions, names, strict=True)]
