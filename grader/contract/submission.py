"""What discovery learns about a submission without running it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

import msgspec

BASELINE, DEFAULT = "baseline", "default"  # in a name's place: the model, and the loop, that come with grader
COMPILER = "torch._dynamo"  # among the imports of who compiles: it takes a second of its own

_OF_MODEL, _OF_LOOP = ("build_model", "predict"), ("train",)  # what each half of a pair gives
_Hook = TypeVar("_Hook")


class HookInfo(msgspec.Struct, frozen=True):
    """Where a hook is implemented."""

    function: str
    file: str
    line: int


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A submission as read from its files' syntax trees.

    `problem` is one line that makes it invalid before it runs; `notes` go into its record. One with a
    `pair` combines the model of the one with the loop of the other: it has no files but those of its `parts`.
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
    pair: tuple[Submission, Submission] | None = None  # whose model, and whose loop; neither is a pair itself

    @property
    def parts(self) -> tuple[Submission, ...]:
        """The submissions that files belong to: both of a pair, else this one."""
        return self.pair or (self,)

    @property
    def model(self) -> str:
        """The name of the submission whose model it trains, or BASELINE."""
        return self.parts[0].name if "build_model" in self.hooks else BASELINE

    @property
    def loop(self) -> str:
        """The name of the submission whose loop trains it, or DEFAULT."""
        return self.parts[-1].name if "train" in self.hooks else DEFAULT

    @property
    def folder(self) -> str:
        """The folder that `files` are relative to."""
        return self.path if self.package else os.path.dirname(self.entry)  # noqa: PTH120 - text in, text out

    @property
    def kind(self) -> str:
        """'model', 'loop' or 'both', by which hooks it implements; '' when it implements neither."""
        model, loop = "build_model" in self.hooks, "train" in self.hooks
        return "both" if model and loop else "model" if model else "loop" if loop else ""


def combined(model: Mapping[str, _Hook], loop: Mapping[str, _Hook]) -> dict[str, _Hook]:
    """The hooks of a pair: the one's model and how it predicts, the other's loop.

    No optimiser: it is for the default loop only.
    """
    return {
        name: hooks[name]
        for hooks, names in ((model, _OF_MODEL), (loop, _OF_LOOP))
        for name in names
        if name in hooks
    }
