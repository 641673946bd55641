"""What discovery learns about a submission without running it."""

from __future__ import annotations

import os

import msgspec


class HookInfo(msgspec.Struct, frozen=True):
    """Where a hook is implemented."""

    function: str
    file: str
    line: int


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A submission as read from its files' syntax trees.

    `problem` is one line that makes it invalid before it runs; `notes` go into its record.
    """

    name: str  # safe and unique within a run
    path: str  # the file or folder, absolute
    display: str  # as a person wrote it, or relative to the run's folder
    entry: str  # the file that is imported, absolute
    package: bool  # whether `path` is a folder imported as a package
    files: tuple[str, ...]  # all that the digest covers, relative to the folder
    digest: str
    size: int = 0  # bytes of the files
    title: str = ""
    hooks: dict[str, HookInfo] = {}
    imports: tuple[str, ...] = ()  # top-level modules that it imports
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The folder that `files` are relative to."""
        return self.path if self.package else os.path.dirname(self.entry)  # noqa: PTH120 - text in, text out

    @property
    def kind(self) -> str:
        """'model', 'loop' or 'both', by which hooks it implements; '' when it implements neither."""
        model, loop = "build_model" in self.hooks, "train" in self.hooks
        return "both" if model and loop else "model" if model else "loop" if loop else ""

    @property
    def model(self) -> str:
        """Where the model comes from: the submission's name, or `baseline`."""
        return self.name if "build_model" in self.hooks else "baseline"

    @property
    def loop(self) -> str:
        """Where the training loop comes from: the submission's name, or `default`."""
        return self.name if "train" in self.hooks else "default"
