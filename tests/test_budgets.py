"""Every kind of budget against every kind of loop, and what was used, exactly.

digits has 1438 samples to train on and batches of 64: 23 steps an epoch, of which the last has 30.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sessions import GOOD, at_home, loop, session, write

import grader
from grader.contract.record import Record
from grader.contract.status import Status

N, BATCH, STEPS = 1438, 64, 23

EACH = "for x, y in train_loader:\n    step(model, optimizer, x, y)\n"
HONEST = {
    "default.py": GOOD,
    "epochs.py": loop(
        "for epoch in range(10**6):\n    for X, y in train_loader:\n        step(model, optimizer, X, y)"
    ),
    "forever.py": loop(
        "while True:\n    for i, (x, y) in enumerate(train_loader):\n        step(model, optimizer, x, y)"
    ),
    "next_iter.py": loop(
        "while True:\n    x, y = next(iter(train_loader))\n    step(model, optimizer, x, y)"
    ),
    "swallows.py": loop(
        "while True:\n    try:\n        for x, y in train_loader:\n            try:\n"
        "                step(model, optimizer, x, y)\n            except Exception: pass\n"
        "    except Exception: pass"
    ),
    "validates.py": loop(
        "train, valid = train_data.split(0.1)\nwhile True:\n    for x, y in train.loader(batch_size=64):\n"
        "        step(model, optimizer, x, y)\n    with torch.no_grad():\n"
        "        seen = sum(len(y) for x, y in valid.loader(batch_size=50, shuffle=False))\n"
        "    assert seen == len(valid) == 144, seen",
        "model, train_data",
    ),
    "tensors.py": loop(
        "x, y = train_data.inputs, train_data.targets\nwhile True:\n    i = torch.randint(len(x), (64,))\n"
        "    budget.step(64)\n    step(model, optimizer, x[i], y[i])",
        "model, train_data, budget",
    ),
    "own_loader.py": loop(
        "from torch.utils.data import DataLoader\nwhile True:\n"
        "    for x, y in DataLoader(train_data.dataset, batch_size=64, shuffle=True):\n"
        "        budget.step(len(x))\n        step(model, optimizer, x, y)",
        "model, train_data, budget",
    ),
    "drop_last.py": loop(
        "loader = train_data.loader(batch_size=100, drop_last=True)\nassert len(loader) == 14\nwhile True:\n"
        "    for x, y in loader:\n        assert len(x) == 100\n        step(model, optimizer, x, y)",
        "model, train_data",
    ),
    "plans.py": loop(
        "while not budget.exhausted:\n    for group in optimizer.param_groups:\n"
        "        group['lr'] = 0.1 * (1 - budget.fraction)\n    assert budget.remaining() >= 0\n"
        "    for x, y in train_loader:\n        step(model, optimizer, x, y)\n"
        "assert budget.fraction == 1\nwith torch.no_grad(): model[-1].bias[3] += 1000",
        "model, train_loader, budget",
    ),
}  # fmt: skip
ENDINGS = {
    # what follows is done by code that runs after the budget ended: the model then says 3 to everything
    "after_the_epoch.py": loop(EACH + "with torch.no_grad(): model[-1].bias[3] += 1000"),
    "finally.py": loop(
        "try:\n    while True:\n        for x, y in train_loader: step(model, optimizer, x, y)\n"
        "finally:\n    with torch.no_grad(): model[-1].bias[3] += 1000"
    ),
    "bare_except.py": loop(
        "try:\n    while True:\n        for x, y in train_loader: step(model, optimizer, x, y)\n"
        "except:\n    with torch.no_grad(): model[-1].bias[3] += 1000"
    ),
}
STUBBORN = {
    "cycles.py": loop(
        "import itertools\nfor x, y in itertools.cycle(train_loader):\n    step(model, optimizer, x, y)"
    ),
    "catches_all.py": loop(
        "while True:\n    try:\n        for x, y in train_loader: step(model, optimizer, x, y)\n"
        "    except:\n        pass"
    ),
}


def run(tmp: Path, places: Path, sources: dict[str, str], budget: str, **wishes: Any) -> dict[str, Record]:
    return session(write(tmp, {f"subs/{n}": s for n, s in sources.items()}), places, budget, **wishes)


def used(row: Record) -> tuple[float, int, int]:
    assert (row.status, row.reason) == (Status.OK, "")
    assert row.usage.optimizer_steps == row.usage.steps
    return row.usage.epochs, row.usage.steps, row.usage.samples


# --- budgets that are counted ---

FULL, PART = BATCH * 22, 30  # samples of an epoch's full batches, and of its last
COUNTED = {
    "2 epochs": {
        "default.py": (2.0, 46, 2 * N),
        "next_iter.py": (2.002782, 45, 45 * 64),  # whole batches only, until two epochs are reached
        "validates.py": (2.0, 42, 2 * 1294),
        "tensors.py": (2.002782, 45, 45 * 64),
        "drop_last.py": (2.0, 28, 2800),
    },
    "30 steps": {
        "default.py": (round((N + 7 * 64) / N, 6), 30, N + 7 * 64),
        "next_iter.py": (round(30 * 64 / N, 6), 30, 30 * 64),
        "validates.py": (round((1294 + 9 * 64) / 1294, 6), 30, 1294 + 9 * 64),
        "tensors.py": (round(30 * 64 / N, 6), 30, 30 * 64),
        "drop_last.py": (round(30 / 14, 6), 30, 3000),
    },
    "60s, 9 epochs, 1000 steps, 2000 samples": {
        "default.py": (round((N + 9 * 64) / N, 6), 32, N + 9 * 64),
        "next_iter.py": (round(32 * 64 / N, 6), 32, 32 * 64),
        "validates.py": (round((1294 + 12 * 64) / 1294, 6), 33, 1294 + 12 * 64),
        "tensors.py": (round(32 * 64 / N, 6), 32, 32 * 64),
        "drop_last.py": (round(20 / 14, 6), 20, 2000),
    },
}
LIKE_DEFAULT = ("epochs.py", "forever.py", "swallows.py", "own_loader.py", "plans.py")


@pytest.fixture(scope="module", params=COUNTED)
def counted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, places: Path
) -> tuple[str, dict[str, Record]]:
    folder = tmp_path_factory.mktemp("counted")
    return request.param, run(folder, places, HONEST | ENDINGS, request.param)


@pytest.mark.parametrize("name", sorted(HONEST))
def test_a_counted_budget_is_used_to_the_sample(counted: tuple[str, dict[str, Record]], name: str) -> None:
    budget, rows = counted
    like = "default.py" if name in LIKE_DEFAULT else name
    assert used(rows[name]) == COUNTED[budget][like]


@pytest.mark.parametrize("name", sorted(ENDINGS))
def test_code_after_the_budget_s_end_still_runs(counted: tuple[str, dict[str, Record]], name: str) -> None:
    row = counted[1][name]
    assert row.status is Status.OK
    assert row.correct == 37  # of 359 are threes


def test_a_loop_that_plans_by_the_budget_ends_by_itself(counted: tuple[str, dict[str, Record]]) -> None:
    assert counted[1]["plans.py"].correct == 37


# --- budgets in seconds ---


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, places: Path) -> dict[str, Record]:
    return run(tmp_path_factory.mktemp("timed"), places, HONEST | ENDINGS | STUBBORN, "0.6s")


@pytest.mark.parametrize("name", sorted(HONEST | ENDINGS))
def test_a_loop_ends_with_a_budget_of_seconds(timed: dict[str, Record], name: str) -> None:
    row = timed[name]
    assert (row.status, row.reason) == (Status.OK, "")
    assert row.timing.train_seconds is not None
    assert (
        name == "after_the_epoch.py" and row.usage.steps <= STEPS
    ) or 0.6 <= row.timing.train_seconds < 1.6
    assert row.usage.optimizer_steps == row.usage.steps > 0


@pytest.mark.parametrize("name", sorted(STUBBORN))
def test_a_loop_that_never_ends_is_killed_with_advice(timed: dict[str, Record], name: str) -> None:
    row = timed[name]
    assert (row.status, row.phase) == (Status.TIMEOUT, "train")
    assert "killed after 1.6 s" in row.reason
    assert row.timing.train_seconds is not None
    assert row.timing.train_seconds >= 1.6


# --- the loader that was cycled, under a counted budget; deterministic algorithms ---


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, places: Path) -> dict[str, Record]:
    sources = {**{name: STUBBORN[name] for name in ("cycles.py", "catches_all.py")}, "default.py": GOOD}
    folder = tmp_path_factory.mktemp("limited")
    return run(folder, places, sources, "5 steps", limits="after = 1.5", deterministic=True)


def test_a_cycled_loader_is_told_since_when_it_had_ended(limited: dict[str, Record]) -> None:
    row = limited["cycles.py"]
    assert row.status is Status.TIMEOUT
    assert "s of training (limits.after): the loader had ended 1.5 s before" in row.reason
    assert "no itertools.cycle" in row.reason


def test_a_bare_except_for_ever_is_told_since_when_the_loader_had_ended(limited: dict[str, Record]) -> None:
    assert "the loader had ended 1.5 s before" in limited["catches_all.py"].reason
    assert "catch no BudgetExhausted" in limited["catches_all.py"].reason


def test_deterministic_algorithms_can_be_asked_for(limited: dict[str, Record]) -> None:
    assert (limited["default.py"].status, limited["default.py"].deterministic) == (Status.OK, True)


# --- repeatability ---


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path, places: Path) -> None:
    """Two copies of each file, as a session runs a file and seed once."""
    names = ("default.py", "next_iter.py", "tensors.py")
    write(tmp_path, {f"subs/{copy}/{name}": HONEST[name] for name in names for copy in "ab"})
    with at_home(tmp_path, places):
        records = grader.run("subs", budget="2 epochs", seeds="7,8", device="cpu")
    rows = {(Path(row.submission.path).name, row.submission.path[5], row.seed): row for row in records}
    for name in names:
        once, again, other = (rows[name, copy, seed] for copy, seed in (("a", 7), ("b", 7), ("a", 8)))
        assert once.status is Status.OK
        assert once.metrics == again.metrics != other.metrics
        assert [point.loss for point in once.curve] == [point.loss for point in again.curve]
