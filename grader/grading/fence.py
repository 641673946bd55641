"""Keeps pytest out of submissions: their conftest.py, pytest.ini and tests are files like any other.

pytest reads settings, and imports what they name, before it loads a single plugin. At that moment it does
not know `--submissions` yet, so it takes `DIR` in `--submissions DIR` for a path to be tested; where nothing
above settles its configuration, it then looks for some in DIR. No plugin can be there before that, so that
way of writing is refused where pytest has found no settings elsewhere. `--submissions=DIR` has no such gap.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PLACES = pytest.StashKey[tuple[Path, ...]]()
OPTION = "--submissions"


def check(config: pytest.Config) -> None:
    """Raise UsageError where pytest has begun, or is told to begin, among submissions."""
    given = config.known_args_namespace
    named = _named(config, given.submissions)
    if named and OPTION in config.invocation_params.args and config.inipath is None:
        raise pytest.UsageError(
            f"pytest looks for settings in what follows {OPTION} and a blank: write {OPTION}="
            f"{_shown(given.submissions[0])}, or put a pyproject.toml beside the rubric"
        )
    here = config.invocation_params.dir
    asked = [here / str(argument).partition("::")[0] for argument in given.file_or_dir]
    began = [path for path in (config.inipath, config.rootpath) if path is not None]
    folders = [path for path in _places(config) if path.is_dir()]
    for path in (*asked, *began):
        for folder in folders:
            if _within(path, folder):
                raise pytest.UsageError(
                    f"{_shown(path)} lies among submissions, which pytest neither imports nor obeys: "
                    f"keep the rubric and pytest's settings outside of {_shown(folder)}"
                )
    _check_names([path.parent if path.suffix == ".py" else path for path in asked] or [here], named)


def home(config: pytest.Config) -> Path:
    """The folder whose settings count: that of the first path that pytest was given, else where it runs."""
    here = config.invocation_params.dir
    for argument in config.known_args_namespace.file_or_dir:
        path = here / str(argument).partition("::")[0]
        if path.exists():
            return _spelt(path if path.is_dir() else path.parent)
    return _spelt(here)


def inside(path: Path, config: pytest.Config) -> bool:
    """Whether a path is a submission's, by the options or by the configuration."""
    return any(_within(path, place) for place in _places(config))


def _places(config: pytest.Config) -> tuple[Path, ...]:
    """The files and folders of submissions: those named, and those that the command would take."""
    if _PLACES not in config.stash:
        named = _named(config, config.known_args_namespace.submissions)
        config.stash[_PLACES] = (*named, *_configured(config))
    return config.stash[_PLACES]


def _named(config: pytest.Config, given: list[str]) -> tuple[Path, ...]:
    return tuple(_spelt(config.invocation_params.dir / path) for path in given)


def _configured(config: pytest.Config) -> tuple[Path, ...]:
    """The configuration's folders; where it is broken, the session that needs it says so.

    Every pytest that finds this plugin comes here: a folder that is not ours costs a look at one file.
    """
    here = home(config)
    if not any(_mentions_us(folder / "pyproject.toml") for folder in (here, *here.parents)):
        return (here / "submissions",)
    from grader.contract.errors import GraderError
    from grader.host.pyproject import read_pyproject

    try:
        found = read_pyproject(here)
    except GraderError:
        return (here / "submissions",)
    paths = found.given.get("paths")
    return tuple(found.root / path for path in paths.value) if paths else (found.root / "submissions",)


def _mentions_us(file: Path) -> bool:
    try:
        return b"tool.grader" in file.read_bytes()
    except OSError:
        return False


def _within(path: Path, place: Path) -> bool:
    """By the path as written, and by what it leads to."""
    real = path.resolve()
    return _spelt(path).is_relative_to(place) or real.is_relative_to(place.resolve())


def _check_names(folders: list[Path], named: tuple[Path, ...]) -> None:
    """The name of a submission beside the rubric, where pytest lets imports look, must be no library's."""
    if not named:
        return
    from grader.host.modules import is_elsewhere

    for path in named:
        beside = path.suffix == ".py" and path.parent.resolve() in {folder.resolve() for folder in folders}
        if beside and (path.stem == "conftest" or is_elsewhere(path.stem, path.parent)):
            raise pytest.UsageError(
                f"{_shown(path)} stands beside the rubric and bears the name of a module that it may "
                "import: keep submissions in a folder of their own"
            )


def _shown(path: Path | str) -> str:
    from grader.contract.text import plain

    return plain(str(path))


def _spelt(path: Path) -> Path:
    """Absolute and without `..`, as discovery spells it; a link keeps its name."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - and nothing of ours is imported for it
