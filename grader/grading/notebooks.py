"""Notebooks as submissions: `grader run x.ipynb`. What is trained is a module made of the code cells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader import hookimpl
from grader.contract.errors import UsageError
from grader.contract.text import plain

if TYPE_CHECKING:
    from grader.contract.submission import Submission
    from grader.host.config import Config

ENDING = ".ipynb"


@hookimpl
def grader_collect(path: Path, config: Config) -> list[Submission] | None:
    """Return the submission that a notebook is, made in the state folder; None for all else."""
    if path.suffix.lower() != ENDING or not os.path.lexists(path):
        return None
    from grader.grading.notebook import Unreadable
    from grader.host import collect, places

    display = collect.shown_at(path, config.root)
    limit = config.limits.submission
    try:
        made, notes = stage(path, places.state_folder() / "notebooks", limit)
    except Unreadable as error:
        raise UsageError(f"{plain(str(path))} {error}") from None
    found = collect.submission_of(made, display, limit)
    return [msgspec.structs.replace(found, notes=(*found.notes, *notes))]


def stage(path: Path, work: Path, limit: int, label: str = "notebook") -> tuple[Path, tuple[str, ...]]:
    """Return a module made of a notebook, and what was left out of it.

    It lies below `work` in a folder of this label, with the modules beside the notebook that it imports
    and nothing else. Raises grader.grading.notebook.Unreadable, and StoreError.
    """
    from grader.grading import notebook, staging
    from grader.host import source
    from grader.host.modules import Sources

    try:
        code = notebook.convert(source.read(path, notebook.LIMIT))
    except source.Unreadable as error:
        raise notebook.Unreadable(str(error)) from None
    name, text = f"{path.stem}.py", code.text.encode()
    sources = Sources(path.parent, name, package=False, limit=limit, given={name: text})
    folder = staging.stage_files(work, label, {**sources.data, name: text})
    return folder / name, code.notes
