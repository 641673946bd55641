"""Which files of a rubric's folder go along: the modules beside it, and whatever these name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading.zips import is_junk
from grader.host.files import content

_MOST = 64 << 20  # bytes of them: a rubric and its references, no data set


def beside(rubric: Path, more: Sequence[Path], never: Iterable[Path]) -> dict[str, bytes]:
    """Return the rubric, the modules and packages beside it, the files that these name, and `more`.

    By their names relative to the rubric's folder; `more` are files and folders in it. Nothing below
    `never` is taken: what was handed in, and grades. Raises UsageError for what lies elsewhere, cannot be
    read, or is too much.
    """
    home = rubric.parent
    shut = tuple(path.resolve() for path in never if path.resolve() != home.resolve())
    modules = [path for path in _modules(home, shut) if path != rubric]
    named = (home / word for module in (rubric, *modules) for word in _words(module))
    given = [_within(path, home) for path in more]
    paths = {rubric, *modules, *_files(named, home, shut), *_files(given, home, ())}
    if sum(path.stat().st_size for path in paths) > _MOST:
        raise UsageError(f"{plain(str(home))}: what goes along with the rubric is more than 64 MiB")
    return {path.relative_to(home).as_posix(): content(path) for path in sorted(paths)}


def _modules(home: Path, shut: Sequence[Path]) -> Iterator[Path]:
    yield from (path for path in home.glob("*.py") if path.is_file() and not is_junk(path.name))
    packages = (path.parent for path in home.glob("*/__init__.py"))
    yield from (path for path in _files(packages, home, shut) if path.suffix == ".py")


def _words(module: Path) -> Iterator[str]:
    """The strings of a module that may name a file beside it. Pytest tells what is wrong with its syntax."""
    try:
        tree = ast.parse(content(module))
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 200:
            word = node.value
            if word.isprintable() and not Path(word).is_absolute() and ".." not in Path(word).parts:
                yield word


def _files(paths: Iterable[Path], home: Path, shut: Sequence[Path]) -> Iterator[Path]:
    """The files that there are at these paths, or below them, within the folder."""
    for path in paths:
        real = path.resolve()
        if not real.is_relative_to(home.resolve()) or real == home.resolve() or _below(real, shut):
            continue
        if path.is_dir():
            inside = (each for each in sorted(path.iterdir()) if not is_junk(each.name))
            yield from _files(inside, home, shut)
        elif path.is_file():
            yield path


def _below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) or folder.is_relative_to(path) for folder in folders)


def _within(path: Path, home: Path) -> Path:
    if not path.exists():
        raise UsageError(f"--include: there is no {plain(str(path))}")
    if not path.resolve().is_relative_to(home.resolve()):
        raise UsageError(
            f"--include {plain(str(path))} lies outside of the rubric's folder {plain(str(home))}, so that "
            "the rubric would not find it: put it there"
        )
    return home / path.resolve().relative_to(home.resolve())
