"""What `grader grade` asks the rubric's process: the caller's words, and the attempts under their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader import hookimpl
from grader.contract.submission import Submission
from grader.host import files

if TYPE_CHECKING:
    from grader.host.config import Config


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as a submission: where it is, and what it is called and shown as."""

    path: str  # absolute
    name: str
    shown: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """All that makes the configuration of a grading: both processes must come to the same."""

    cwd: str
    said: Mapping[str, Any]  # arguments of `make_config`, in plain values
    attempts: tuple[HandedIn, ...]

    def config(self) -> Config:
        """The configuration: of every attempt as it is, in no pair and of any kind. Raises UsageError."""
        from grader.host.settings import make_config

        config = make_config(cwd=Path(self.cwd), **self.said)
        return replace(config, paths=tuple(each.path for each in self.attempts), cross=False, kind="")

    def write(self, file: Path) -> None:
        """Raises StoreError when the file cannot be written."""
        files.replace(file, msgspec.json.encode(self))


def read(file: Path) -> Asked:
    """Read what `write` wrote."""
    return msgspec.json.decode(file.read_bytes(), type=Asked)


class Named:
    """A plugin of the harness: attempts are called by who handed them in, whatever their files are called.

    So a record is found again when somebody else's file of the same name is gone.
    """

    def __init__(self, attempts: Sequence[HandedIn]) -> None:
        self._attempts = {each.path: each for each in attempts}

    @hookimpl(tryfirst=True)
    def grader_collect(self, path: Path, config: Config) -> list[Submission] | None:
        """Collect an attempt as any file or folder, and give it its name."""
        from grader.host import collect

        attempt = self._attempts.get(str(path))
        found = collect.grader_collect(path, config) if attempt else None
        if attempt is None or found is None:
            return None
        return [_called(each, attempt) for each in found]


def _called(submission: Submission, attempt: HandedIn) -> Submission:
    """The submission under the attempt's name, which stands in what discovery says of it, too."""
    found, shown = submission.display, attempt.shown
    beside, theirs = found.rpartition("/")[0], shown.rpartition("/")[0]

    def said(text: str) -> str:
        text = text.replace(found, shown)
        return text.replace(f"{beside}/", f"{theirs}/") if beside else text

    return msgspec.structs.replace(
        submission,
        name=attempt.name,
        display=attempt.shown,
        problem=said(submission.problem),
        notes=tuple(map(said, submission.notes)),
    )
