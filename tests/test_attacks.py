"""Every attack of the corpus, run for real at every level, as root and as an ordinary user.

An attack is stopped wherever one of the layers that its header names is in force, has the status that
it says there, and prints no LOOT; with all of them off it prints its LOOT, or it would prove nothing.
Those that the wall stops beat a harness that has none. Honest submissions run beside them all.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from arena import corpus, plan
from arena.__main__ import table
from arena.corpus import GROUPS, LOOT, Attack
from arena.naive import Outcome
from arena.plan import Arena
from arena.session import LIMITS, Result

from grader.contract.isolation import Isolation, Layer
from grader.contract.record import Record
from grader.contract.status import Status

ATTACKS = corpus.attacks()
HOSTILE = re.compile("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]|<script|<!--", re.IGNORECASE)

attack_of_all = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
at_level = pytest.mark.parametrize("level", list(Isolation), ids=str)
as_user = pytest.mark.parametrize("user", plan.users())


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """All sessions, run once. Their table goes into the file GRADER_ATTACKS_TABLE, where that is set."""
    arena = Arena()
    try:
        arena.run()
        if place := os.environ.get("GRADER_ATTACKS_TABLE"):
            Path(place).write_text("\n".join(table(arena)) + "\n", encoding="utf-8")
        yield arena
    finally:
        arena.close()


def result_of(arena: Arena, user: str, level: Isolation) -> Result:
    """The session with all attacks. Skips where the machine does not give the level."""
    if level not in arena.machines[user].levels:
        pytest.skip(f"this machine gives {user} no isolation {level!r}")
    return arena.results[plan.full(user, level)]


# --- stopped, or not ---


@attack_of_all
@as_user
@at_level
def test_an_attack_is_stopped_where_it_is_said_to_be(
    arena: Arena, level: Isolation, user: str, attack: Attack
) -> None:
    record = result_of(arena, user, level).records[attack.name]
    if plan.stops(attack, level, user, arena.machines[user]):
        assert LOOT not in record.output
        assert record.status in plan.expected(attack, level), record.reason
    elif can_be_shown(attack, arena, user):
        assert LOOT in record.output, f"{record.status}: {record.reason}"
    assert record.isolation == level


@pytest.mark.parametrize(
    ("user", "attack"),
    [(user, attack) for user in plan.users() for attack in ATTACKS if plan.proves(user, attack)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_an_attack_succeeds_without_the_layers_that_stop_it(arena: Arena, user: str, attack: Attack) -> None:
    if not can_be_shown(attack, arena, user):
        pytest.skip(attack.unsafe or f"this machine lets {user} do without {attack.needs}")
    record = arena.proof(user, attack).records[attack.name]
    assert LOOT in record.output, f"{record.status}: {record.reason}"


def can_be_shown(attack: Attack, arena: Arena, user: str) -> bool:
    """Whether its success can be shown here."""
    return not attack.unsafe and (not attack.needs or attack.needs in arena.machines[user].abilities)


# --- the wall ---


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.naive], ids=lambda attack: attack.name)
def test_an_attack_on_the_wall_beats_a_harness_without_one(arena: Arena, attack: Attack) -> None:
    outcome = arena.outcomes[attack.name]
    assert BEATEN[attack.naive](outcome), outcome


def scores(outcome: Outcome) -> bool:
    return outcome.result is not None and outcome.result["accuracy"] == 1.0


def cheats_the_clock(outcome: Outcome) -> bool:
    return outcome.result is not None and outcome.result["elapsed"] < 0.1 * outcome.seconds


BEATEN: dict[str, Callable[[Outcome], bool]] = {
    "loot": lambda outcome: LOOT in outcome.output,
    "hang": lambda outcome: outcome.hung,
    "no-result": lambda outcome: outcome.result is None and not outcome.hung,
    "score": scores,
    "clock": cheats_the_clock,
    "accepted": lambda outcome: outcome.result is not None,
    "flood": lambda outcome: outcome.length > 5_000_000,
    "echo": lambda outcome: HOSTILE.search(outcome.output) is not None,
    "home": lambda outcome: outcome.home_changed,
    "litter": lambda outcome: outcome.littered,
}


# --- what an attack gains where its row is ok ---


def slept(record: Record) -> bool:
    """The host's clock saw the half second."""
    return record.timing.train_seconds is not None and record.timing.train_seconds >= 0.5


def ordinary(record: Record) -> bool:
    """It is scored by its outputs, as anybody."""
    return record.metrics["accuracy"] < 0.99


def perfect(record: Record) -> bool:
    return record.metrics["accuracy"] == 1.0


GAINS: dict[str, Callable[[Record], bool]] = {
    "patched_clock": slept,
    "patched_argmax": ordinary,
    "patched_equality": ordinary,
    "patched_json": ordinary,
    "lying_tensor": ordinary,
    "flood_of_output": lambda record: len(record.output) <= LIMITS.output,
    "long_line": lambda record: len(record.output) <= LIMITS.output,
    "ten_megabytes": lambda record: len(record.reason) + len(record.detail) < 10_000,
    "answers_at_once": lambda record: perfect(record) and any("brought its" in note for note in record.notes),
    "answers_after_training": lambda record: perfect(record) and not record.notes,
    "claimed_steps": lambda record: record.usage.steps == 0,
    "learn_in_predict": ordinary,
}


@pytest.mark.parametrize("name", GAINS)
@as_user
@at_level
def test_what_an_attack_gains_is_what_is_known(arena: Arena, level: Isolation, user: str, name: str) -> None:
    record = result_of(arena, user, level).records[name]
    assert GAINS[name](record), record


# --- everybody else ---


@as_user
@at_level
def test_the_honest_are_scored_as_if_nobody_else_were_there(
    arena: Arena, level: Isolation, user: str
) -> None:
    """Bit for bit, beside every attack, at every level."""
    alone = honest_metrics(arena.results[plan.honest(user, arena.machines[user].levels[0])])
    beside = honest_metrics(result_of(arena, user, level))
    assert alone.keys() == beside.keys() == set(corpus.controls())
    for name, metrics in alone.items():
        assert len(metrics) == 1
        assert beside[name] == metrics


def honest_metrics(result: Result) -> dict[str, set[tuple[tuple[str, float], ...]]]:
    """The different metrics that each honest submission had, over all its runs in the session."""
    found: dict[str, set[tuple[tuple[str, float], ...]]] = {}
    for name, record in result.records.items():
        if name.startswith("control/"):
            assert record.status is Status.OK, (name, record.reason, record.output[-300:])
            found.setdefault(name.split("/")[1], set()).add(tuple(sorted(record.metrics.items())))
    return found


@as_user
@at_level
def test_nothing_that_is_not_the_session_s_has_changed(arena: Arena, level: Isolation, user: str) -> None:
    """Content, mode, owner, time and attributes, of the package, the cache, the home, the leaderboard."""
    changed = result_of(arena, user, level).changed
    if level.confines or Layer.IDENTITY in plan.in_force(level, user):
        assert changed == ()
    else:
        assert {path.partition("/")[0] for path in changed} <= {"cache", "home", "leaderboard"}


@as_user
@at_level
def test_nothing_is_left_running(arena: Arena, level: Isolation, user: str) -> None:
    assert result_of(arena, user, level).processes == ()


@as_user
@at_level
def test_nothing_is_left_lying_about(arena: Arena, level: Isolation, user: str) -> None:
    assert result_of(arena, user, level).scratch == ()


@as_user
@at_level
def test_every_attack_has_its_row(arena: Arena, level: Isolation, user: str) -> None:
    rows = result_of(arena, user, level).records
    assert {attack.name for attack in ATTACKS} <= rows.keys()
    assert not [name for name, row in rows.items() if row.status is Status.HARNESS_ERROR]


@as_user
@at_level
def test_hostile_text_is_harmless_where_it_is_published(arena: Arena, level: Isolation, user: str) -> None:
    published = result_of(arena, user, level).published
    assert {"README.md", "leaderboard.csv", "leaderboard.json"} <= published.keys()
    for name in ("README.md", "leaderboard.csv"):
        assert not HOSTILE.search(published[name])
    assert not re.search(r'(^|,)"?[=+@]', published["leaderboard.csv"], re.MULTILINE)
    assert not re.search(r"(?<!\\)\[b\]\(", published["README.md"])


# --- the corpus itself ---


def test_every_group_has_attacks() -> None:
    """Reading each header is a test as well: `corpus.attacks` raises for one that is not whole."""
    counts = Counter(attack.group for attack in ATTACKS)
    assert counts.keys() == set(GROUPS)
    assert min(counts.values()) >= 2


def test_what_stays_open_says_so() -> None:
    for attack in ATTACKS:
        if attack.stays_open:
            assert re.search(r"[Ss]tays? open|The row stays", attack.source), attack.name


def test_file_names_are_distinct() -> None:
    names = [attack.file for attack in ATTACKS]
    assert len(set(names)) == len(names)
    assert not any(Path(name).name != name for name in names)
