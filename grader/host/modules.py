"""The modules of one submission: which belong to it, and where a name that one imports is defined.

A folder owns every file below it. A single file owns the modules beside it that it imports, and those
that they import; they stand behind the standard library and whatever is installed, as in the worker.
"""

from __future__ import annotations

import importlib.machinery
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from grader.contract.submission import COMPILER
from grader.contract.text import plain
from grader.host import source
from grader.host.syntax import Import, Module, Unparsable, parse

_COMPILES = re.compile(rb"(?<!\bre)\.compile\b|\bimport\s+compile\b|\b_dynamo\b")


class Sources:
    """The files of one submission, each read and parsed once, and what is wrong with them.

    `limit` is how many bytes they may take together, and `size` how many they do. `given` are files beside
    the folder's own, or in their place, by relative name.
    """

    def __init__(
        self,
        folder: Path,
        entry: str,
        *,
        package: bool,
        limit: int,
        siblings: bool = True,
        given: Mapping[str, bytes] | None = None,
    ) -> None:
        self.folder, self.entry, self.package, self.siblings = folder, entry, package, siblings
        self.data = dict(given or {})
        self.limit, self.size = limit, sum(map(len, self.data.values()))
        self.problems: list[tuple[str, int | None, str]] = []  # file ('' for the folder), line, message
        self._modules: dict[str, Module | None] = {}
        self._broken: dict[str, tuple[int | None, str]] = {}
        if package:
            self.data, unread, self.size = source.read_tree(folder, limit)
            self.problems += [(name, None, reason) for name, reason in unread.items()]
        self.reached = self._reach()
        self.problems += [(name, *self._broken[name]) for name in self.reached if name in self._broken]
        self.problems += [
            (name, None, "has a name that is not UTF-8: rename it") for name in self._unsayable()
        ]

    def module(self, name: str) -> Module | None:
        """Return a module by its file's relative name; None where it is broken."""
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def imports(self) -> tuple[str, ...]:
        """Top-level names of the modules imported in any of the files; broken ones say nothing.

        And torch's compiler where a file seems to use it: `torch.compile` imports it in its own time.
        """
        files = [name for name in sorted(self.data) if name.endswith(".py")]
        names = {top for name in files if (module := self.module(name)) for top in _tops(module)}
        compiles = any(_COMPILES.search(self.data[name]) for name in files)
        return tuple(sorted(names | {COMPILER} if compiles else names))

    def files_of(self, importer: str, statement: Import) -> Iterator[str]:
        """Yield own files that an import statement runs, the modules on the way included."""
        base = self._base(importer, statement)
        if base is not None:
            targets = [base, *([*base, name] for name, _ in statement.names)]
            yield from dict.fromkeys(file for parts in targets for file in self._on_the_way(parts))

    def source_of(self, importer: str, statement: Import) -> str | None:
        """Return the own file whose names a `from ... import` binds; None when it is not an own one."""
        base = self._base(importer, statement)
        found = [name for name in _candidates(base) if self._is_file(name)] if base else []
        return found[-1] if found else None

    def _reach(self) -> list[str]:
        """The modules that importing the entry may run, in the order met."""
        reached: list[str] = []
        waiting = [self.entry]
        while waiting:
            name = waiting.pop(0)
            if name not in reached:
                reached.append(name)
                module = self.module(name)
                for statement in module.imports if module else ():
                    waiting.extend(self.files_of(name, statement))
        return reached

    def _parse(self, name: str) -> Module | None:
        if len(self.data) > source.MAX_FILES or self.size > self.limit:
            return None
        try:
            if name not in self.data and not self.package:
                self.data[name] = source.read(self.folder / name, self.limit, self.size)
                self.size += len(self.data[name])
            return parse(self.data[name]) if name in self.data else None
        except source.TooLarge as error:
            self.size = error.size  # past the limit: no further file is read either
            self.problems.append((name, None, str(error)))
        except source.Unreadable as error:
            self._broken[name] = (None, str(error))
        except Unparsable as error:
            self._broken[name] = (error.line, str(error))
        return None

    def _base(self, importer: str, statement: Import) -> list[str] | None:
        """The parts of the module's own dotted path, or None where it lies elsewhere."""
        parts = statement.module.split(".") if statement.module else []
        if statement.level:
            inside = importer.split("/")[:-1]
            keep = len(inside) - (statement.level - 1)
            within = keep >= 0 if self.package else keep > 0  # beside a file only packages have insides
            return [*inside[:keep], *parts] if within else None
        own = parts and self.siblings and not is_elsewhere(parts[0], self.folder)
        return parts if own else None

    def _on_the_way(self, parts: list[str]) -> Iterator[str]:
        for length in range(1, len(parts) + 1):
            yield from (name for name in _candidates(parts[:length]) if self._is_file(name))

    def _is_file(self, name: str) -> bool:
        if self.package:
            return name in self.data
        return os.path.lexists(self.folder / name)

    def _unsayable(self) -> list[str]:
        return [name for name in {*self.data, self.entry} if not name.isascii() and _has_surrogates(name)]


def is_elsewhere(top: str, folder: Path) -> bool:
    """Whether a top-level module is the standard library's or an installed one, and so not the folder's."""
    if top in sys.stdlib_module_names or top == "grader":
        return True
    return _is_installed(top, str(folder), os.getcwd(), tuple(sys.path))  # noqa: PTH109 - many times a file


@lru_cache(maxsize=4096)
def _is_installed(top: str, folder: str, cwd: str, path: tuple[str, ...]) -> bool:
    here, *rest = path
    if os.path.realpath(here) != os.path.realpath(cwd):  # `python -m` puts the working directory there
        rest.append(here)
    places = [place for place in rest if os.path.realpath(place) != os.path.realpath(folder)]
    try:
        spec = importlib.machinery.PathFinder.find_spec(top, places)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None  # not a mere folder of that name


def _candidates(parts: list[str]) -> tuple[str, ...]:
    """The files that may hold a module, the one that Python prefers last."""
    path = "/".join(parts)
    return f"{path}.py", f"{path}/__init__.py"


def _tops(module: Module) -> Iterator[str]:
    return (plain(each.module.split(".")[0], 100) for each in module.imports if not each.level)


def _has_surrogates(name: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in name)
