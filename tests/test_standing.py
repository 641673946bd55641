"""A leaderboard that stands as it was made is not made again, and whatever has changed makes it anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest
from factories import failed, proof, record, task
from sessions import GOOD, session, write

from grader.contract.status import Status
from grader.host import leaderboard
from grader.host.leaderboard import regenerate
from grader.host.standing import keep, records_seen, standings_of
from grader.host.store import Store
from grader.plugins import harness_manager


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pluggy.PluginManager:
    monkeypatch.setenv("GRADER_STATE", str(tmp_path / "state"))
    return harness_manager(["no:html"])


@pytest.fixture
def board(tmp_path: Path, manager: pluggy.PluginManager) -> Path:
    folder = tmp_path / "board"
    for one in (record("a"), record("b", correct=300), record("a", task=task(name="mnist")), failed("c")):
        Store(folder).write(one, proof(one) if one.status is Status.OK else None)
    seen = records_seen(folder)
    regenerate(folder, manager)
    keep(folder, manager, seen)
    return folder


def test_what_stands_is_read_as_it_was_made(board: Path, manager: pluggy.PluginManager) -> None:
    found = standings_of(board, manager, records_seen(board))
    assert found == regenerate(board, manager)[0]


def touched(name: str) -> Callable[[Path], None]:
    def change(board: Path) -> None:
        (path,) = board.rglob(name)
        state = path.stat()
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))

    return change


def added(board: Path) -> None:
    Store(board).write(record("new"), proof(record("new")))


def removed(name: str) -> Callable[[Path], None]:
    return lambda board: next(board.rglob(name)).unlink()


CHANGES = {
    "record added": added,
    "record gone": removed("b-s0-*.json"),
    "evidence gone": removed("b-s0-*.npz"),
    "record": touched("b-s0-*.json"),
    "evidence": touched("b-s0-*.npz"),
    "json": touched("leaderboard.json"),
    "json gone": removed("leaderboard.json"),
    "readme gone": removed("README.md"),
    "csv": touched("leaderboard.csv"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_has_changed_makes_it_anew(
    board: Path, manager: pluggy.PluginManager, change: Callable[[Path], None]
) -> None:
    change(board)
    assert standings_of(board, manager, records_seen(board)) is None


def test_other_plugins_make_it_anew(board: Path, manager: pluggy.PluginManager) -> None:
    assert standings_of(board, harness_manager(["no:html", "no:csv"]), records_seen(board)) is None


def test_without_a_place_to_remember_it_is_made_anew(
    board: Path, manager: pluggy.PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_STATE", "/dev/null")
    keep(board, manager, records_seen(board))
    assert standings_of(board, manager, records_seen(board)) is None


def test_a_run_with_nothing_to_do_makes_nothing(
    tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"subs/a.py": GOOD})
    session(tmp_path, places)
    made = (tmp_path / "leaderboard" / "README.md").stat().st_mtime_ns
    monkeypatch.setattr(leaderboard, "regenerate", None)
    assert session(tmp_path, places, rerun=False)["a.py"].status is Status.OK
    assert (tmp_path / "leaderboard" / "README.md").stat().st_mtime_ns == made


def test_what_cannot_be_listed_or_is_gone_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "board" / "records"
    folder.mkdir(parents=True)
    empty = records_seen(tmp_path / "board")
    assert records_seen(tmp_path / "file") == records_seen(tmp_path / "nowhere") == empty
    (folder / "dangling.json").symlink_to("nowhere")
    assert records_seen(tmp_path / "board") != empty
