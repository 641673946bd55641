"""From a hand-in to what can be trained: unpacked, converted, and the one file or folder found in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.submission import Submission
from grader.contract.text import count, plain
from grader.grading import notebooks, zips
from grader.grading.finding import LIMIT
from grader.grading.folders import only_folder
from grader.grading.notebook import Unreadable
from grader.grading.staging import stage_files
from grader.grading.uploads import CODE, Piece, Upload
from grader.host import source
from grader.host.collect import ENTRIES, is_skipped, submission_of, submissions_at

_NAMED = 4  # files that a message names


@dataclass(frozen=True)
class Made:
    """What is trained, or in one line for the student why nothing is."""

    path: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


class _Unfit(Exception):
    """Nothing that could be trained; the message is for the student."""


def make(upload: Upload, student: str, work: Path) -> Made:
    """Return what is trained of a student's hand-in. Raises StoreError alone.

    A student's own folder stays where it is; all else is brought below `work`, away from what others
    handed in, in a folder that the key of the student names.
    """
    if upload.problem:
        return Made(problem=upload.problem)
    notes: list[str] = []
    try:
        path = _Maker(work, student, notes).make(upload)
    except (_Unfit, Unreadable, zips.Broken, source.Unreadable, UsageError) as error:
        return Made(problem=plain(str(error), 300), notes=tuple(notes))
    if path.name in ENTRIES:  # then the folder is the submission, for whoever collects it
        path = path.parent
    if plain(str(path)) != str(path):
        return Made(problem=f"{plain(path.name)} has a name with characters that do not print: rename it")
    return Made(str(path), tuple(notes))


@dataclass(frozen=True)
class _Maker:
    work: Path
    label: str
    notes: list[str]

    def make(self, upload: Upload) -> Path:
        if upload.apart:
            return self._from_several(upload.pieces)
        path = upload.pieces[0].path
        if path.is_dir():
            return self._in_folder(path)
        if path.suffix == ".py":
            return self._alone(path, upload.foreign)
        return self._from_file(path, upload.pieces[0].name)

    def _from_file(self, path: Path, name: str) -> Path:
        if zips.is_zip(path):
            return self._from_zip(path, name)
        if path.suffix.lower() == notebooks.ENDING:
            return self._from_notebook(path, name)
        if path.suffix != ".py":
            raise _Unfit(f"{plain(name)}: the name of a Python file ends in .py")
        return path

    def _from_several(self, pieces: tuple[Piece, ...]) -> Path:
        """Files that a platform has put among others' under names of its own: brought together alone."""
        code = [piece for piece in pieces if piece.name.lower().endswith(CODE)]
        self._left_out(piece.name for piece in pieces if piece not in code)
        if not code:
            raise _Unfit(f"{_listed(piece.name for piece in pieces)}: no Python file, notebook or zip")
        files: dict[str, bytes] = {}
        archives = [piece for piece in code if zips.is_zip(piece.path)]
        if len(code) == 1 and archives:
            return self._from_zip(archives[0].path, archives[0].name)
        for archive in archives:
            files |= _read_all(self._unpacked(archive.path, archive.name))
        for piece in code:
            if piece not in archives:
                files[_own_name(piece.name)] = _read(piece)
        folder = stage_files(self.work, self.label, files)
        return self._only(folder) if len(files) == 1 else self._in_folder(folder)

    def _only(self, folder: Path) -> Path:
        """A file handed in alone is taken whatever its name."""
        path = next(folder.iterdir())
        return self._from_file(path, path.name)

    def _from_zip(self, path: Path, name: str) -> Path:
        return self._in_folder(self._unpacked(path, name), within_zip=True)

    def _unpacked(self, path: Path, name: str) -> Path:
        try:
            unpacked = zips.unpack(path, self.work, zips.ONE, self.label)
        except zips.Broken as error:
            raise _Unfit(f"{plain(name)} {error}") from None
        if unpacked.refused:
            more = f" (and {len(unpacked.refused) - 1} more)" if len(unpacked.refused) > 1 else ""
            raise _Unfit(f"{plain(name)}: {unpacked.refused[0]}{more}")
        return unpacked.folder

    def _from_notebook(self, path: Path, name: str) -> Path:
        try:
            made, notes = notebooks.stage(path, self.work, LIMIT, self.label)
        except Unreadable as error:
            raise Unreadable(f"{plain(name)} {error}") from None
        self.notes.extend(notes)
        return made

    def _alone(self, path: Path, foreign: tuple[str, ...] = ()) -> Path:
        """A file among other students', with the modules that it imports: its worker may read no more."""
        found = submission_of(path, path.name, LIMIT)
        own = [name for name in found.files if name not in foreign]
        if path.name not in own:
            raise _Unfit(found.problem or f"{path.name} cannot be read")
        files = {name: source.read(path.parent / name, LIMIT) for name in own}
        if foreign:
            self.notes.append(f"imports {_listed(foreign)}, which was not handed in with it")
        return stage_files(self.work, self.label, files) / path.name

    # --- the one in a folder ---

    def _in_folder(self, folder: Path, *, within_zip: bool = False) -> Path:
        """Return the one submission in a student's folder. Raises _Unfit, UsageError."""
        while (inner := only_folder(folder)) is not None:
            folder = inner
        if any((folder / entry).is_file() for entry in ENTRIES):
            return folder
        files = _files(folder)
        self._left_out(path.name for path in files if is_skipped(path.name) and path.suffix == ".py")
        modules = submissions_at(folder, folder, LIMIT)
        books = [path for path in files if path.suffix.lower() == notebooks.ENDING]
        archives = [path for path in files if zips.is_zip(path)]
        if not modules and not books:
            return self._of_archives(archives, files, within_zip=within_zip)
        return self._chosen(modules, books)

    def _of_archives(self, archives: list[Path], files: list[Path], *, within_zip: bool) -> Path:
        if len(archives) == 1 and not within_zip:
            return self._from_zip(archives[0], archives[0].name)
        held = _listed(path.name for path in files) or "nothing"
        raise _Unfit(f"holds {held}: no Python file and no notebook that could be a submission")

    def _chosen(self, modules: list[Submission], books: list[Path]) -> Path:
        """The one that implements hooks; where none does, the only one, so that its own problem is told."""
        hooked = [each for each in modules if each.hooks]
        if not hooked and books:
            return self._of_books(books)
        found = hooked or modules
        if len(found) > 1:
            names = _listed(Path(each.path).name for each in found)
            how = f"{len(found)} files implement hooks" if hooked else "none of the files implements a hook"
            raise _Unfit(f"{how} ({names}): hand in one, or name the one that counts submission.py")
        self._left_out(path.name for path in books)
        return Path(found[0].path)

    def _of_books(self, books: list[Path]) -> Path:
        if len(books) == 1:
            return self._from_notebook(books[0], books[0].name)
        fit = []
        for path in books:
            made, _ = notebooks.stage(path, self.work, LIMIT, self.label)
            if submission_of(made, path.name, LIMIT).hooks:
                fit.append(path)
        if len(fit) != 1:
            raise _Unfit(f"{len(fit)} of {count(len(books), 'notebook')} implement hooks: hand in one")
        self._left_out(path.name for path in books if path not in fit)
        return self._from_notebook(fit[0], fit[0].name)

    def _left_out(self, names: Iterator[str]) -> None:
        if listed := _listed(names):
            self.notes.append(f"left out: {listed}")


def _files(folder: Path) -> list[Path]:
    """What a student's folder holds. Raises _Unfit for too many files, and for links that lead elsewhere."""
    try:
        paths = list(source.tree(folder))
    except source.Unreadable as error:
        raise _Unfit(plain(str(error))) from None
    return sorted(path for path in paths if not any(map(zips.is_junk, path.relative_to(folder).parts)))


def _own_name(name: str) -> str:
    """A file's name as a relative one that leads nowhere: what a platform passes on is the student's word."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return base if base not in {"", ".", ".."} else "submission.py"


def _read(piece: Piece) -> bytes:
    try:
        return source.read(piece.path, zips.ONE.size)
    except source.Unreadable as error:
        raise _Unfit(f"{plain(piece.name)} {error}") from None


def _read_all(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}


def _listed(names: Iterator[str] | tuple[str, ...]) -> str:
    told = [plain(name, 60) for name in names]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more
