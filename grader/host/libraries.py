"""What every worker may read: interpreter, libraries and system files, enumerated around what it may not.

Landlock and mounts only ever add, so a folder that holds targets, like scikit-learn's own data sets, is
left out by naming all that lies beside it.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grader

_SYSTEM = (
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib", "/usr/share", "/lib", "/lib64",
    "/usr/local/cuda", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/etc/timezone", "/etc/os-release", "/etc/fonts", "/etc/mime.types", "/etc/alternatives",
)  # fmt: skip
_PROGRAMS = ("/usr/bin", "/bin", "/usr/include")  # compilers, for those who may start processes
_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Libraries:
    """Files and folders that workers may read, and what they may not. All are real paths.

    A hole around a root takes nothing from it: what was not granted needs no hole.
    """

    roots: tuple[Path, ...]
    holes: tuple[Path, ...]

    def paths(self) -> tuple[str, ...]:
        """The same without holes: a folder that has one is replaced by what lies beside the hole."""
        return tuple(str(path) for root in self.roots for path in _around(root, self.holes))

    def listed(self) -> tuple[str, ...]:
        """Roots with holes: `import` finds nothing in a folder whose names it may not read."""
        return tuple(
            str(root) for root in self.roots if any(hole.is_relative_to(root) for hole in self.holes)
        )


def libraries(more: Iterable[Path] = (), hidden: Iterable[Path] = (), *, programs: bool = False) -> Libraries:
    """Find them. `more`: folders of the user's own; `hidden`: folders that no worker may read."""
    places = [Path(path) for path in site.getsitepackages()]
    own = Path(grader.__file__).parent
    roots = _existing([*_standard_library(), *places, own, *_loader_paths(), *map(Path, _SYSTEM), *more])
    if programs:
        roots += _existing([*map(Path, _PROGRAMS), *_interpreter()])
    roots = list(dict.fromkeys(roots))
    installed = {place.resolve() for place in places}
    holes = {
        *(folder for root in roots for folder in _foreign_packages(root, installed)),
        *_existing(hidden),
    }
    return Libraries(tuple(_outermost(roots)), tuple(sorted(holes)))


def _standard_library() -> Iterator[Path]:
    for scheme in ("stdlib", "platstdlib"):
        yield Path(sysconfig.get_path(scheme, vars={"base": sys.base_prefix, "platbase": sys.base_prefix}))
    yield from Path(sys.base_prefix, "lib").glob("*.so*")  # where an interpreter brings its own, as conda's
    yield from Path(sys.base_prefix, "lib").glob("python*.zip")


def _interpreter() -> Iterator[Path]:
    """What it takes to start another, or to compile against it."""
    yield from (Path(sys.executable), Path(sys.prefix, "pyvenv.cfg"), Path(sysconfig.get_path("include")))


def _loader_paths() -> Iterator[Path]:
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        if folder:
            yield Path(folder)


def _foreign_packages(root: Path, installed: set[Path]) -> Iterator[Path]:
    """Packages of other interpreters, which may carry the same data sets."""
    for pattern in ("{}", "python*/{}"):
        for name in _PACKAGES:
            yield from (found for found in root.glob(pattern.format(name)) if found not in installed)


def _around(root: Path, holes: tuple[Path, ...]) -> Iterator[Path]:
    inside = tuple(hole for hole in holes if hole.is_relative_to(root))
    if not inside:
        yield root
        return
    for child in sorted(root.iterdir()):
        if child not in inside:
            yield from _around(child, inside)


def _existing(paths: Iterable[Path]) -> list[Path]:
    return [path.resolve() for path in paths if path.exists()]


def _outermost(roots: Iterable[Path]) -> Iterator[Path]:
    kept = set(roots)
    return (root for root in sorted(kept) if not kept.intersection(root.parents))
