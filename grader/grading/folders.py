"""Folders of hand-ins: how what lies in them is told to people, and when it was handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from grader.contract.text import plain
from grader.grading import times, zips
from grader.grading.uploads import Upload

_FILES = 5_000  # of one hand-in whose dates are looked at


@dataclass(frozen=True)
class Place:
    """A folder that was given or unpacked: how what lies in it is told, and when it came."""

    root: Path
    shown: str  # what stands before a relative name: "hw3.zip: ", "submissions/"
    zone: tzinfo
    times: Mapping[str, datetime] | None = None  # of a zip, by relative name and of no zone

    def relative(self, path: Path) -> str:
        """The name of a path within the folder."""
        return path.relative_to(self.root).as_posix()

    def names(self, path: Path) -> tuple[str, str]:
        """The names by which a metadata file may call a path."""
        relative = self.relative(path)
        return relative, f"{self.shown}{relative}"

    def tell(self, path: Path) -> str:
        """How a path is told to people."""
        return plain(f"{self.shown}{self.relative(path)}", 200)

    def completed(self, upload: Upload) -> Upload:
        """Return the hand-in with how it is told, when it came, and what keeps its names from being said."""
        paths = [piece.path for piece in upload.pieces]
        within = [path for each in paths for path in ([each] if each.is_file() else files_below(each))]
        when = [moment for path in within if (moment := self._when(path)) is not None]
        shown = ", ".join(self.tell(path).removeprefix(plain(self.shown)) for path in paths)
        clock = "file" if self.times is None else "zip"
        odd = any(plain(self.relative(path)) != self.relative(path) for path in paths)
        return replace(
            upload,
            shown=plain(self.shown + shown, 300),
            when=max(when, default=None),
            clock=clock if when else "",
            problem="its name has characters that do not print: rename it" if odd else "",
            known_as=tuple(dict.fromkeys(name for path in (*paths, *within) for name in self.names(path))),
        )

    def _when(self, path: Path) -> datetime | None:
        if self.times is None:
            try:
                return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
            except (OSError, ValueError, OverflowError):
                return None
        said = self.times.get(self.relative(path))
        return times.in_utc(said, self.zone, later=False) if said is not None else None


def only_folder(folder: Path) -> Path | None:
    """Return the one folder that is all a folder holds, as zips of a folder have it; else None."""
    inside = [path for path in folder.iterdir() if not zips.is_junk(path.name)]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink() else None


def files_below(folder: Path) -> list[Path]:
    """The files, and links to folders, below a folder that count: some thousands at most, in no order."""
    found: list[Path] = []
    waiting = [folder]
    while waiting and len(found) < _FILES:
        try:
            inside = [path for path in waiting.pop().iterdir() if not zips.is_junk(path.name)]
        except OSError:  # what tries to read it will say so
            continue
        folders = [path for path in inside if path.is_dir() and not path.is_symlink()]
        waiting += folders
        found += [path for path in inside if path not in folders]
    return found
