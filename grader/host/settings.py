"""From `[tool.grader]` in pyproject.toml, the environment and the caller's words to one `Config`.

The caller (command line or Python) wins over the environment, that over the file, that over the
defaults. Everything wrong is told at once, a line each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.isolation import Isolation
from grader.contract.target import Target
from grader.contract.text import did_you_mean, plain
from grader.host.config import Config
from grader.host.cross import KINDS
from grader.host.pyproject import Given, read_pyproject
from grader.host.slots import AUTO
from grader.plugins import named_in_environment

MAX_SEED = 2**31 - 1
MAX_SEEDS = 10_000  # more is a slip of the keyboard, not a plan
_KINDS = ("auto", "cpu", "cuda", "mps")


def make_config(
    *,
    cwd: Path | None = None,
    paths: Sequence[str | Path] | None = None,
    tasks: str | Sequence[str] | None = None,
    budget: str | Budget | None = None,
    target: str | None = None,
    seeds: str | int | Sequence[int] | None = None,
    device: str | None = None,
    threads: int | None = None,
    slots: int | str | None = None,
    data: str | Path | None = None,
    leaderboard: str | Path | None = None,
    keyword: str = "",
    kind: str | None = None,
    cross: bool | None = None,
    max_failures: int | None = None,
    rerun: bool = False,
    last_failed: bool = False,
    failed_first: bool = False,
    deterministic: bool | None = None,
    executor: str | None = None,
    isolation: str | None = None,
    allow_subprocess: bool | None = None,
    calibrate: bool | None = None,
    verbosity: int = 0,
    plugins: Sequence[str] = (),
) -> Config:
    """Return the settings of a session; None and empty mean "not said". Raises UsageError.

    `seeds` is a count (3 means 0, 1, 2) or a list ("0,7,9"). `plugins` come after those of the
    environment and of the file.
    """
    said: dict[str, object] = {
        "paths": paths, "tasks": tasks, "budget": budget, "seeds": seeds, "device": device,
        "threads": threads, "slots": slots, "data": data, "leaderboard": leaderboard,
        "max_failures": max_failures, "deterministic": deterministic, "isolation": isolation,
        "allow_subprocess": allow_subprocess, "calibrate": calibrate,
        "kind": kind, "cross": cross, "target": target, "executor": executor,
    }  # fmt: skip
    cwd = Path.cwd() if cwd is None else cwd
    base = _from_file(cwd, {**_from_environment(cwd), **_from_caller(said, cwd)})
    together = dict.fromkeys([*named_in_environment(), *base.plugins, *plugins])
    _check_processes(base)
    return replace(
        base,
        keyword=keyword,
        verbosity=verbosity,
        plugins=tuple(together),
        rerun=rerun,
        last_failed=last_failed,
        failed_first=failed_first,
    )


# --- where values come from ---


def _from_file(cwd: Path, over: Mapping[str, Given]) -> Config:
    """Return the file's settings with what was said elsewhere laid over them."""
    file = read_pyproject(cwd)
    base = Config(
        root=file.root,
        leaderboard=file.root / "leaderboard",
        limits=file.limits,
        task_tables=file.task_tables,
    )
    return replace(base, **_converted({**file.given, **over}))


def _from_environment(cwd: Path) -> dict[str, Given]:
    folder = os.environ.get("GRADER_DATA")
    return {"data": Given(folder, "GRADER_DATA", cwd)} if folder else {}


def _from_caller(said: Mapping[str, object], cwd: Path) -> dict[str, Given]:
    return {key: Given(value, key, cwd) for key, value in said.items() if value not in (None, (), [], "")}


def _check_processes(config: Config) -> None:
    """Only at strict can a submission start processes and keep none. At auto the session looks again."""
    if config.allow_subprocess and config.isolation not in {None, Isolation.STRICT}:
        raise UsageError(
            f"allow_subprocess needs isolation strict, which keeps hold of what is started, not "
            f"{config.isolation}: say --isolation strict, or leave out --allow-subprocess"
        )


def _converted(values: Mapping[str, Given]) -> dict[str, Any]:
    """Check and convert every value. Raises one UsageError for all that is wrong."""
    result, wrong = {}, []
    for key, given in values.items():
        try:
            result[key] = _CONVERTERS[key](given)
        except UsageError as error:
            wrong.append(f"{given.source}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return result


# --- one value each ---


def _budget(given: Given) -> Budget:
    return given.value if isinstance(given.value, Budget) else Budget.parse(given.value)


def _seeds(given: Given) -> tuple[int, ...]:
    """Read a count (3, "3") or a list ([0, 7], "0,7", "7,")."""
    value = given.value
    if isinstance(value, int):
        return _first_seeds(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+\s*", value):
        return _first_seeds(_whole(value))
    parts = value.strip().removesuffix(",").split(",") if isinstance(value, str) else value
    return _listed_seeds([_whole(part) for part in parts])


def _first_seeds(count: int) -> tuple[int, ...]:
    if not 1 <= count <= MAX_SEEDS:
        hint = f"; seed {count} alone is written '{count},'" if count >= 0 else ""
        raise UsageError(f"expected 1 to {MAX_SEEDS:,} seeds, got {count}{hint}")
    return tuple(range(count))


def _listed_seeds(seeds: list[int]) -> tuple[int, ...]:
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise UsageError(f"expected 1 to {MAX_SEEDS:,} seeds, got {len(seeds)}")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise UsageError(f"seed {seed} is not between 0 and {MAX_SEED}")
        if seeds.count(seed) > 1:
            raise UsageError(f"seed {seed} is given twice")
    return tuple(seeds)


def _whole(value: object, like: str = "a count like 3 or a list like 0,7,9") -> int:
    try:
        if isinstance(value, str | int) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    shown = plain(str(value), 60)
    raise UsageError(f"{shown!r} is no whole number; write {like}")


def _device(given: Given) -> str:
    text = str(given.value).strip().lower()
    if text in _KINDS or re.fullmatch(r"cuda:\d{1,4}", text):
        return text
    hint = "; did you mean cuda?" if text == "gpu" else did_you_mean(text.partition(":")[0], _KINDS)
    raise UsageError(f"no device {plain(text, 60)!r} among auto, cpu, cuda, cuda:0 and mps{hint}")


def _kind(given: Given) -> str:
    text = str(given.value).strip().lower()
    if text in KINDS:
        return text
    known = f"{', '.join(KINDS[:-1])} and {KINDS[-1]}"
    raise UsageError(f"no kind {plain(text, 60)!r} among {known}{did_you_mean(text, KINDS)}")


def _executor(given: Given) -> str:
    text = str(given.value).strip()
    name = text.partition(":")[0]
    if not re.fullmatch(r"[a-z][\w-]*(:\S+)?", text) or text == f"{name}:":
        raise UsageError(f"no executor {plain(text, 60)!r}; write local, ray or ray:HOST:PORT")
    return text


def _isolation(given: Given) -> Isolation | None:
    text = str(given.value).strip().lower()
    if text == "auto":
        return None
    try:
        return Isolation(text)
    except ValueError:
        hint = did_you_mean(text, ["auto", *Isolation])
        raise UsageError(
            f"no isolation {plain(text, 60)!r} among auto, {', '.join(Isolation)}{hint}"
        ) from None


def _at_least_one(given: Given, like: str = "a number like 2") -> int:
    value = _whole(given.value, like)
    if value < 1:
        raise UsageError(f"{value} is below 1")
    return value


def _slots(given: Given) -> int | str:
    if str(given.value).strip().lower() == AUTO:
        return AUTO
    return _at_least_one(given, f"a number like 2, or {AUTO}")


def _folder(given: Given) -> Path:
    path = _path(given)
    if not path.is_dir():
        raise UsageError(f"there is no folder {plain(str(path))}{did_you_mean(str(path), _beside(path))}")
    return path


def _folders(given: Given) -> tuple[Path, ...]:
    return tuple(_folder(Given(word, given.source, given.base)) for word in given.value)


def _path(given: Given) -> Path:
    return given.base / Path(given.value).expanduser()


def _beside(path: Path) -> Iterable[str]:
    return [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else ()


def _words(given: Given) -> tuple[str, ...]:
    return (given.value,) if isinstance(given.value, str) else tuple(str(word) for word in given.value)


def _submissions(given: Given) -> tuple[str, ...]:
    """Paths of the file are relative to its folder, and names of installed submissions stay names."""
    paths = (given.base / word for word in _words(given))
    return tuple(
        str(path) if path.exists() or "/" in word else word
        for path, word in zip(paths, _words(given), strict=True)
    )


_CONVERTERS = {
    "paths": lambda given: _submissions(given) if given.source != "paths" else _words(given),
    "tasks": _words,
    "budget": _budget,
    "target": lambda given: Target.parse(str(given.value)),
    "seeds": _seeds,
    "device": _device,
    "threads": _at_least_one,
    "slots": _slots,
    "data": _folder,
    "leaderboard": _path,
    "max_failures": _at_least_one,
    "deterministic": lambda given: bool(given.value),
    "kind": _kind,
    "cross": lambda given: bool(given.value),
    "executor": _executor,
    "isolation": _isolation,
    "allow_subprocess": lambda given: bool(given.value),
    "calibrate": lambda given: bool(given.value),
    "libraries": _folders,
    "plugins": _words,
}
