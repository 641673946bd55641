"""Importing a submission's files: its own modules come last, behind whatever is installed.

A file of its folder cannot stand in for an installed module. And the two halves of a pair, in one
process, each find their own files, whatever the other's are called.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.contract.submission import Submission

MODULE_NAME = "submission"  # in sys.modules, for pickles and tracebacks
_HALVES = ("submission_model", "submission_loop")  # the same of a pair


def import_submission(submission: Submission) -> ModuleType:
    """Import the file of a submission that has the worker to itself."""
    if submission.package:
        sys.path.append(str(Path(submission.entry).parent))
    else:
        sys.meta_path.append(Siblings(Path(submission.folder), submission.files))
    return _import_entry(submission, MODULE_NAME)


def import_pair(pair: Sequence[Submission]) -> list[ModuleType]:
    """Import the files of two submissions.

    What one imports by its bare name is looked for among its own files only, now and while it runs. They
    are kept apart to spare them accidents: in one process, code that means to reaches the other's.
    """
    halves = [_Half(each, name) for each, name in zip(pair, _HALVES, strict=True)]
    _resolve_by_importer(halves)
    return [_import_entry(half.submission, half.name) for half in halves]


class Siblings(importlib.abc.MetaPathFinder):
    """Finds the modules beside a file by their names: it may not list the folder that it shares.

    They are top-level modules, or lie directly `within` one.
    """

    def __init__(self, folder: Path, files: Iterable[str], within: str = "") -> None:
        self._folder = folder
        self._files = frozenset(files)
        self._within = within

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return where one of these modules lies, or None."""
        within, _, stem = name.rpartition(".")
        if within != self._within:
            return None
        first, inside = f"{stem}/__init__.py", [str(self._folder / stem)]
        if first in self._files:
            file = self._folder / first
            return importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
        if f"{stem}.py" in self._files:
            return importlib.util.spec_from_file_location(name, self._folder / f"{stem}.py")
        if not any(file.startswith(f"{stem}/") for file in self._files):
            return None
        spec = ModuleSpec(name, None, is_package=True)  # a folder without a file of its own
        spec.submodule_search_locations = inside
        return spec


class _Half:
    """One half of a pair. Its modules bear names of its own: its entry `name`, the others within `files`."""

    def __init__(self, submission: Submission, name: str) -> None:
        self.submission, self.name, self.files = submission, name, f"{name}_files"
        beside = Path(submission.entry).parent
        inside = beside.relative_to(submission.folder)  # of an installed package, perhaps deep
        paths = [Path(file) for file in submission.files]
        files = [path.relative_to(inside).as_posix() for path in paths if path.is_relative_to(inside)]
        tops = {file.partition("/")[0].removesuffix(".py") for file in files}
        self.own = frozenset(name for name in tops if name.isidentifier() and not _is_installed(name))
        sys.modules[self.files] = package = ModuleType(self.files)
        package.__path__ = []  # what makes it a package
        sys.meta_path.append(Siblings(beside, files, within=self.files))

    def resolve(self, name: str) -> str:
        """The name in sys.modules of what one of its files calls by this name."""
        return f"{self.files}.{name}" if name.partition(".")[0] in self.own else name


def _resolve_by_importer(halves: Iterable[_Half]) -> None:
    """From now on, read an imported name as the file means that imports it.

    sys.modules has one module of each name. Swapping them with every call of a hook would not do: a model
    that imports something in its forward() does so in the middle of the other's loop.
    """
    by_module = {module: half for half in halves for module in (half.name, half.files)}
    plain_statement, plain_call = builtins.__import__, importlib.import_module

    def resolved(name: str, importer: Mapping[str, Any] | None) -> str:
        half = by_module.get(str((importer or {}).get("__name__")).partition(".")[0])
        return half.resolve(name) if half else name

    def statement(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as the statement calls it
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        meant = name if level else resolved(name, globals)
        found = plain_statement(meant, globals, locals, fromlist or (), level)
        if meant == name or fromlist:
            return found
        return sys.modules[meant.removesuffix(name) + name.partition(".")[0]]  # `import a.b` binds a

    def call(name: str, package: str | None = None) -> ModuleType:
        return plain_call(resolved(name, sys._getframe(1).f_globals), package)

    for owner, attribute, ours in ((builtins, "__import__", statement), (importlib, "import_module", call)):
        setattr(owner, attribute, ours)


def _is_installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _import_entry(submission: Submission, name: str) -> ModuleType:
    """Import the submission's file; a folder is a package, so that its relative imports work."""
    entry, root = Path(submission.entry), Path(submission.path)
    if not submission.package:
        return _imported(entry, name, None)
    if entry.parent == root:
        return _imported(entry, name, root)
    # deep in an installed package: its parents are imported first, as for any module
    _imported(root / "__init__.py", name, root)
    inner = entry.parent if entry.name == "__init__.py" else entry.with_suffix("")
    module = importlib.import_module(".".join((name, *inner.relative_to(root).parts)))
    sys.modules[name] = module
    return module


def _imported(file: Path, name: str, package: Path | None) -> ModuleType:
    locations = [str(package)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=locations)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
