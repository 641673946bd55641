"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from grader.contract.task import DataPlaces
from grader.host.data import PreparedTask, open_task
from grader.plugins import TASKS, harness_manager, task_definitions

pytest.register_assert_rewrite("executor_contract")


def pytest_configure() -> None:
    """Before torch is imported: several threads would wait for each other on cores that are taken.

    And sessions draw no page, which takes each a second or two, but for those whose tests are about it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["GRADER_PLUGINS"] = "no:html"


_LONGEST = (
    "test_attacks",
    "test_docs",
    "test_kills",
    "test_verify",
    "test_target",
    "test_seeds",
    "test_cluster",
    "test_many",
    "test_loader",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no process is left alone with one at the end."""
    places = {name: at for at, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def fashion_mnist_dir() -> Path:
    """The folder with the real Fashion-MNIST: GRADER_TEST_DATA, else ../shared/data. Never skipped."""
    beside = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("GRADER_TEST_DATA") or beside)
    wanted = folder / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    assert wanted.is_file(), f"tests need the real Fashion-MNIST: no {wanted}; set GRADER_TEST_DATA"
    return folder


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the cache and the state of all sessions that the tests run."""
    return tmp_path_factory.mktemp("places")


class OpenTask(Protocol):
    """What the fixture `open_named_task` gives."""

    def __call__(
        self,
        name: str,
        *,
        data: Path | None = None,
        tables: Mapping[str, Mapping[str, object]] | None = None,
        modules: Sequence[str] = (),
    ) -> PreparedTask:
        """Return the prepared task; it is closed when the test ends."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, in GRADER_CACHE as well."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GRADER_CACHE", str(folder))
    return folder


@pytest.fixture
def open_named_task(cache: Path) -> Iterator[OpenTask]:
    """Open tasks by name in the test's own cache."""
    with ExitStack() as stack:

        def open_it(
            name: str,
            *,
            data: Path | None = None,
            tables: Mapping[str, Mapping[str, object]] | None = None,
            modules: Sequence[str] = (),
        ) -> PreparedTask:
            tables = tables or {}
            definition = task_definitions(harness_manager(modules, TASKS), tables)[name]
            places = DataPlaces(data=data, downloads=cache / "downloads")
            return stack.enter_context(open_task(definition, places, cache, tables, modules))

        yield open_it
