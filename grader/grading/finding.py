"""From the paths that were given to hand-ins: files, folders of them, zips of those, platforms' downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.contract.trial import Limits
from grader.grading import uploads, zips
from grader.grading.folders import Place, files_below, only_folder
from grader.grading.roster import stem
from grader.grading.uploads import CODE, Piece, Upload
from grader.host.collect import ENTRIES, is_skipped, submission_of, submissions_at
from grader.host.files import absolute

LIMIT = Limits().submission
_DEPTH = 6  # folders that are looked through for a name of the roster
_DEEPEST = 30  # folders in each other that are looked into at all

Known = Callable[[str], bool]


class Finder:
    """Looks through what was given. `known` tells the words that name a student; None is without a roster."""

    def __init__(self, known: Known | None, zone: tzinfo, work: Path) -> None:
        self._known, self._zone, self._work = known, zone, work
        self.problems: list[str] = []

    def find(self, given: Path) -> list[Upload]:
        """Return the hand-ins at a path. Raises UsageError where there is nothing that can be read."""
        path = absolute(given)
        if not path.exists():
            raise UsageError(f"{plain(str(given))}: no such file or folder")
        if self.is_container(path):
            return list(self._archive(path))
        if path.is_dir() and not self._is_one_s(path.name):
            return list(self._walk(path, None, Place(path, f"{path.name}/", self._zone)))
        if not path.is_dir() and not path.name.lower().endswith(CODE):
            raise UsageError(f"{plain(str(given))} is no Python file, notebook, zip or folder")
        place = Place(path.parent, "", self._zone)
        if uploads.is_platform_s(path.name):
            return [place.completed(each) for each in uploads.from_platform([path])]
        return list(self._of_student(path, place) if path.is_dir() else [self._one(path, place)])

    def find_together(self, folder: Path, paths: Iterable[Path]) -> list[Upload]:
        """Return the hand-ins among some of what a folder holds, as a shell's `folder/*` names them."""
        place = Place(folder, f"{folder.name}/", self._zone)
        return list(self._among(self._counting(sorted(set(paths)), place), None, place))

    def is_container(self, path: Path) -> bool:
        """Whether a path is a zip of many students', whatever lies beside it."""
        return zips.is_zip(path) and not self._is_one_s(path.name)

    def _archive(self, path: Path) -> Iterator[Upload]:
        try:
            unpacked = zips.unpack(path, self._work, zips.MANY)
        except zips.Broken as error:
            raise UsageError(f"{plain(str(path))} {error}") from None
        self.problems += [f"{plain(path.name)}: {line}; left out" for line in unpacked.refused]
        folder = unpacked.folder
        while (inner := only_folder(folder)) is not None and not self._is_one_s(inner.name):
            folder = inner
        yield from self._walk(
            folder, None, Place(unpacked.folder, f"{path.name}: ", self._zone, unpacked.times)
        )

    # --- folders ---

    def _walk(self, folder: Path, attempt: int | None, place: Place) -> Iterator[Upload]:
        """A folder of many students', or of many folders of them."""
        children = self._children(folder, place)
        entry = any(path.name in ENTRIES for path in children)
        if entry and not any(self._is_one_s(path.name) for path in children):
            yield self._one(folder, place, attempt, home=place.root)
        else:  # where others' files lie beside it, one named submission.py does not make them its own
            yield from self._among(children, attempt, place)

    def _among(self, children: Sequence[Path], attempt: int | None, place: Place) -> Iterator[Upload]:
        platform_s = [path for path in children if uploads.is_platform_s(path.name)]
        yield from (place.completed(each) for each in uploads.from_platform(platform_s))
        rest = [path for path in children if not uploads.is_platform_s(path.name)]
        helpers, foreign = self._beside(rest)
        for path in rest:
            if path.is_dir():
                yield from self._folder(path, attempt, place)
            elif path.name not in helpers and self._is_submission(path, place):
                home = path.parent if attempt is None else place.root
                one = self._one(path, place, attempt, home=home)
                yield replace(one, foreign=foreign.get(path.name, ()))

    def _folder(self, path: Path, attempt: int | None, place: Place) -> Iterator[Upload]:
        if uploads.is_text_of_moodle(path.name):
            self._leave_out(path, place, "text typed into Moodle is not read: ask for a file")
        elif is_skipped(path.name) and not self._knows(path.name):
            self._leave_out(path, place, "a folder of this name is never looked into: rename it")
        elif self._is_students(path, place):
            yield from self._of_student(path, place, attempt)
        else:
            number = uploads.attempt_number(path.name, within=False)
            yield from self._walk(path, attempt if number is None else number, place)

    def _of_student(self, folder: Path, place: Place, attempt: int | None = None) -> Iterator[Upload]:
        """One student's folder: of one attempt, or of a folder for each."""
        children = self._children(folder, place)
        numbers = {path: uploads.attempt_number(path.name, within=True) for path in children if path.is_dir()}
        numbered = {path: number for path, number in numbers.items() if number is not None}
        if not numbered or any(path.name.lower().endswith(CODE) for path in children):
            yield self._one(folder, place, attempt, home=folder.parent if attempt is None else place.root)
            return
        for path in children:
            if path in numbered:
                yield self._one(path, place, numbered[path], words=(folder.name,), home=folder.parent)
            else:
                self._leave_out(path, place, "lies beside this student's attempts")

    def _is_students(self, folder: Path, place: Place) -> bool:
        """Whether a folder is one student's, and not one of many."""
        if self._knows(folder.name):
            return True
        if uploads.attempt_number(folder.name, within=False) is not None:
            return False
        return self._looks_students(folder, place) if self._known is None else not self._knows_below(folder)

    def _looks_students(self, folder: Path, place: Place) -> bool:
        """Without a roster it is what it holds that tells: one submission, or attempts at it."""
        children = self._children(folder, place)
        if any(path.name in ENTRIES for path in children):
            return True
        if any(uploads.is_platform_s(path.name) for path in children):
            return False
        code = [path for path in children if path.name.lower().endswith(CODE)]
        folders = [path for path in children if path.is_dir()]
        if not code:
            return all(uploads.attempt_number(path.name, within=True) is not None for path in folders)
        if any(path.is_symlink() for path in files_below(folder)):
            return True  # whose links are a problem of its own
        hooked = sum(bool(each.hooks) for each in submissions_at(folder, folder, LIMIT))
        return hooked == 1 or (hooked == 0 and sum(path.suffix != ".py" for path in code) <= 1)

    def _knows_below(self, folder: Path, depth: int = _DEPTH) -> bool:
        for path in self._names(folder):
            if self._is_one_s(path.name):
                return True
            if depth and path.is_dir() and not path.is_symlink() and self._knows_below(path, depth - 1):
                return True
        return False

    def _children(self, folder: Path, place: Place) -> list[Path]:
        """What lies in a folder and may count; what does not is told, but for an operating system's own."""
        return self._counting(self._names(folder), place)

    def _counting(self, paths: Iterable[Path], place: Place) -> list[Path]:
        children = []
        for path in paths:
            if path.is_symlink():  # out of this folder, or to what another student handed in
                self._leave_out(path, place, "is a link: put a copy there")
            elif len(path.relative_to(place.root).parts) > _DEEPEST:
                self._leave_out(path, place, "lies too deep to be anybody's")
            elif path.is_dir() or path.is_file():
                children.append(path)
            else:
                self._leave_out(path, place, "is no regular file")
        return children

    def _names(self, folder: Path) -> list[Path]:
        try:
            return sorted(path for path in folder.iterdir() if not zips.is_junk(path.name))
        except OSError as error:
            raise UsageError(f"{plain(str(folder))} cannot be read: {error.strerror}") from None

    # --- files ---

    def _is_submission(self, path: Path, place: Place) -> bool:
        """Whether a file among many students' is one's; if not, that is told."""
        if uploads.is_text_of_moodle(path.name):
            self._leave_out(path, place, "text typed into Moodle is not read: ask for a file")
        elif not path.name.lower().endswith(CODE):
            self._leave_out(path, place, "is no Python file, notebook, zip or folder")
        elif is_skipped(path.name) and not self._knows(path.name):
            self._leave_out(path, place, "a file of this name is never a submission: rename it")
        else:
            return True
        return False

    def _beside(self, paths: Sequence[Path]) -> tuple[set[str], dict[str, tuple[str, ...]]]:
        """Files without hooks that others beside them import, and, by file, what it imports of others'."""
        modules = [path for path in paths if path.suffix == ".py" and path.is_file()]
        read = {path.name: submission_of(path, path.name, LIMIT) for path in modules}
        imported = {name for path, each in read.items() for name in each.files if name != path}
        helpers = {
            name for name in imported if name in read and not read[name].hooks and not self._knows(name)
        }
        if self._known is None:  # no students, no secrets: as `grader run` would have it
            return helpers, {}
        others = set(read) - helpers
        foreign = {
            path: tuple(name for name in each.files if name != path and name in others)
            for path, each in read.items()
        }
        return helpers, foreign

    def _one(
        self,
        path: Path,
        place: Place,
        attempt: int | None = None,
        *,
        home: Path | None = None,
        words: tuple[str, ...] = (),
    ) -> Upload:
        upload = Upload(
            shown="",
            words=words or (path.name,),
            pieces=(Piece(path.name, path),),
            attempt=attempt,
            home=str(home or path.parent),
        )
        return place.completed(upload)

    def _leave_out(self, path: Path, place: Place, why: str) -> None:
        self.problems.append(f"{place.tell(path)}: {why}")

    def _knows(self, name: str) -> bool:
        return self._known is not None and (self._known(name) or self._known(stem(name)))

    def _is_one_s(self, name: str) -> bool:
        return uploads.is_platform_s(name) or self._knows(name)
