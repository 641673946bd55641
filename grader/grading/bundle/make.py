"""The zip, put together: what goes into it, tried before anything is written."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean, plain
from grader.grading import rubric as rubrics
from grader.grading.answers import Told
from grader.grading.asked import Asked
from grader.grading.bundle import document, settings
from grader.grading.bundle.beside import beside
from grader.grading.bundle.standin import stand_in
from grader.grading.bundle.wheel import constraints, plugins, wheel
from grader.grading.roster import read_roster
from grader.grading.rules import read_rules
from grader.grading.zips import zipped
from grader.host import data
from grader.host.files import content
from grader.host.pyproject import read_pyproject

if TYPE_CHECKING:
    import pluggy

    from grader.contract.task import Task, TaskDefinition
    from grader.host.config import Config

SCRIPTS = ("setup.sh", "run_autograder")
_SECRET, _PROGRAM = 0o600, 0o755
_SPARE = 30  # seconds of the timeout that the platform needs to collect what is there


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the command's caller asked for. Paths are absolute."""

    rubric: Path
    include: tuple[Path, ...] = ()
    pip_config: Path | None = None
    timeout: int = settings.TIMEOUT  # minutes
    said: dict[str, Any] = field(default_factory=dict)  # of `make_config`
    rules: dict[str, Any] = field(default_factory=dict)  # of `read_rules`


@dataclass(frozen=True)
class Made:
    """The zip, and what to say of it."""

    data: bytes
    title: str  # of the assignment
    criteria: int
    names: tuple[str, ...]  # of the files beside the rubric, that go along
    tasks: tuple[Task, ...]


def bundle(order: Order, manager: pluggy.PluginManager) -> Made:
    """Return the autograder zip: the same bytes for the same files, settings and installed versions.

    A task's data are prepared where they are not yet. Raises GraderError: a rubric that cannot be run, a
    task without data, what would not fit the platform.
    """
    rubric, home = order.rubric, order.rubric.parent
    if not rubric.is_file():
        raise UsageError(f"there is no rubric {plain(str(rubric))}")
    config = Asked(cwd=str(home), said=order.said, attempts=()).config()
    told = _told(rubric, order.said)
    pyproject = read_pyproject(home)
    rules = read_rules(pyproject.grading, order.rules, Path.cwd())
    students = read_roster(rules.roster) if rules.roster else ()
    carried = settings.carried(config, pyproject, rubric.name, students, order.rules.get("late") or "")
    definitions = _definitions(config, manager)
    carried = settings.in_time(carried, _budgets(config, definitions), order.timeout)
    handed_in = [config.root / path for path in config.paths or ("submissions",)]
    given = beside(rubric, order.include, [*handed_in, config.leaderboard, config.root / "grades"])
    given["pyproject.toml"] = settings.toml(carried.table).encode()
    _try(rubric, given)
    contents = {f"assignment/{name}": data for name, data in given.items()}
    contents |= {settings.FILE: _encoded(carried)}
    contents |= {f"results/{name}": data for name, data in document.instead().items()}
    tasks = []
    for definition in definitions:
        task, arrays = _prepared(definition, config)
        tasks.append(task)
        contents |= arrays
    contents |= _installation(order, given)
    modes = {name: _PROGRAM if name in SCRIPTS else _SECRET for name in contents}
    beside_it = tuple(name for name in sorted(given) if name not in {rubric.name, "pyproject.toml"})
    return Made(
        zipped(dict(sorted(contents.items())), modes),
        told.title or rubric.stem,
        len(told.criteria),
        beside_it,
        tuple(tasks),
    )


def _told(rubric: Path, said: dict[str, Any]) -> Told:
    """What the rubric asks for. Raises UsageError for one that cannot be run."""
    with tempfile.TemporaryDirectory(prefix="grader-") as folder:
        attempts = stand_in(Path(folder))
        return rubrics.check(rubric, Asked(cwd=str(rubric.parent), said=said, attempts=attempts))


def _definitions(config: Config, manager: pluggy.PluginManager) -> list[TaskDefinition]:
    from grader.plugins import task_definitions

    known = task_definitions(manager, config.task_tables)
    for name in config.tasks:
        if name not in known:
            raise UsageError(
                f"there is no task {name!r}{did_you_mean(name, known)}; `grader tasks` lists them"
            )
    return [known[name] for name in config.tasks]


def _budgets(config: Config, definitions: Sequence[TaskDefinition]) -> list[Budget]:
    """Of each training of one submission."""
    each = [config.budget or Budget.parse(definition.task.budget) for definition in definitions]
    return [budget for budget in each for _ in config.seeds]


def _try(rubric: Path, given: dict[str, bytes]) -> None:
    """Look whether the rubric can be run of what goes along alone. Raises UsageError."""
    with tempfile.TemporaryDirectory(prefix="grader-") as folder:
        for name, content in given.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            _told(Path(folder, rubric.name), {})
        except UsageError as error:
            raise UsageError(
                f"{str(error).replace(folder, '(bundle)')}; where it lies it can be run, so it reads what "
                "did not go along: name that with --include"
            ) from None


def _prepared(definition: TaskDefinition, config: Config) -> tuple[Task, dict[str, bytes]]:
    """The task with its counts, and its data as they lie in the cache, without where they came from."""
    from grader.tasks import entry as entries

    places, cache = data.data_places(config), data.cache_root()
    with closing(data.open_task(definition, places, cache, config.task_tables, config.plugins)) as opened:
        task = opened.task
    if task.private:
        raise UsageError(
            f"{task.name} has a private test set, which stays on this host: take `private` out of "
            f"[tool.grader.tasks.{task.name}] for Gradescope, or grade here with `grader grade`"
        )
    entry = data.entry_of(definition, places, cache)
    manifest = msgspec.structs.replace(entries.read_manifest(entry), source="brought along")
    found = {info.file: (entry / info.file).read_bytes() for info in manifest.arrays.values()}
    found["manifest.json"] = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"))
    return task, {f"cache/{data.BROUGHT}/{task.name}/{name}": content for name, content in found.items()}


def _installation(order: Order, given: dict[str, bytes]) -> dict[str, bytes]:
    """Scripts, the wheel, and what pip is told."""
    here = resources.files("grader.grading.bundle")
    seconds = str(order.timeout * 60 - _SPARE).encode()
    found = {name: (here / name).read_bytes().replace(b"@SECONDS@", seconds) for name in SCRIPTS}
    name, packed = wheel()
    found |= {name: packed, "constraints.txt": constraints().encode()}
    found["requirements.txt"] = plugins().encode() + given.get("requirements.txt", b"")
    if order.pip_config is not None:
        found["pip.conf"] = content(order.pip_config)
    return found


def _encoded(carried: settings.Carried) -> bytes:
    return msgspec.json.format(msgspec.json.encode(carried, order="deterministic"), indent=2) + b"\n"
