"""Submissions that are installed distributions, found by their metadata and imported by nobody.

[project.entry-points."grader.submissions"]
resnet = "my_models.resnet"
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GROUP = "grader.submissions"


@dataclass(frozen=True)
class Installed:
    """An installed submission. `problem` says why its file was not found."""

    name: str
    folder: Path  # the top-level package, or the folder of a top-level module
    entry: Path
    package: bool
    problem: str = ""


def installed() -> dict[str, Installed]:
    """Return the installed submissions by name. The first on `sys.path` wins, as for modules."""
    found: dict[str, Installed] = {}
    for point in metadata.entry_points(group=GROUP):
        found.setdefault(point.name, _locate(point.name, point.value))
    return dict(sorted(found.items()))


def _locate(name: str, value: str) -> Installed:
    top, *rest = value.partition(":")[0].strip().split(".")
    place = _top_level(top)
    entry = _below(place, rest) if place else None
    if place is None or entry is None:
        problem = f"installed submission {name}: there is no file for {value}; install its distribution again"
        return Installed(name, Path(value), Path(value), package=False, problem=problem)
    package = place.is_dir()
    return Installed(name, place if package else place.parent, entry, package)


def _top_level(name: str) -> Path | None:
    """Return the folder of a top-level package, or the file of a top-level module.

    Finding the spec of a top-level name imports nothing, and asks the finders of editable installs too.
    """
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    place = Path(folders[0] if folders else spec.origin or "")
    return place if place.exists() and place != Path() else None


def _below(place: Path, parts: list[str]) -> Path | None:
    """Return the file of a module inside a package: below the top level, finding a spec would import."""
    if not place.is_dir():
        return None if parts else place
    base = place.joinpath(*parts)
    candidates = [base / "__init__.py"] if not parts else [base / "__init__.py", base.with_suffix(".py")]
    return next((file for file in candidates if file.is_file()), None)
