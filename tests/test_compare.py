"""`grader compare`: who is better, whether that is noise, and on which samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from factories import HOSTILE, evidence, failed, proof, record, task

from grader.contract.record import Record
from grader.contract.status import Status
from grader.host import stats
from grader.host.archive import Archive
from grader.host.cli import make_cli
from grader.host.compare import Comparison, comparisons
from grader.host.evidence import Evidence
from grader.host.reports.comparison import in_markdown, in_text, verdict
from grader.host.significance import LEVEL
from grader.host.store import Store, stem
from grader.plugins import harness_manager


class Memory(Archive):
    """An archive without files."""

    def __init__(self, *records: Record, proofs: Mapping[int, Evidence] | None = None) -> None:
        super().__init__({str(at): each for at, each in enumerate(records)})
        self._proofs = proofs

    def evidence(self, record: Record) -> Evidence | None:
        return proof(record) if self._proofs is None else self._proofs.get(id(record))

    def scores(self, record: Record) -> Any:
        made = self.evidence(record)
        return made.correct if made else None


def seeds(name: str, *correct: int, **changes: Any) -> list[Record]:
    return [record(name, seed=seed, correct=one, **changes) for seed, one in enumerate(correct)]


def compared(*records: Record) -> Comparison:
    (only,) = comparisons(Memory(*records), "a", "b")
    return only


def test_a_real_difference_is_told_with_its_size_its_interval_and_its_p() -> None:
    found = compared(*seeds("a", 300, 302, 301, 299), *seeds("b", 450, 452, 451, 449))
    words = verdict(found)
    assert words.startswith("b is better by 30.0 points (95 %: ")
    assert words.endswith("over 4 seeds each and 500 test samples")
    assert found.apart is not None
    assert found.apart.p < LEVEL
    assert found.better is found.b


def test_noise_is_no_difference_and_so_many_seeds_would_tell() -> None:
    found = compared(*seeds("a", 440, 460, 450, 430), *seeds("b", 420, 450, 440, 430))
    assert found.apart is not None
    words = verdict(found)
    assert words.startswith("no difference that 4 seeds each and 500 test samples can show (p = 0.")
    assert found.seeds_needed is None
    assert words.endswith("; no number of seeds would show 2 points, only more test samples")


def test_the_seeds_that_are_needed_are_the_fewest_that_the_test_would_find_enough() -> None:
    large = task(test_samples=100_000)
    made = [
        msgspec.structs.replace(one, task=large, correct=one.correct * 200 if one.correct else None)
        for one in (*seeds("a", 440, 460, 450, 430), *seeds("b", 420, 450, 440, 430))
    ]
    found = compared(*made)
    assert found.apart is not None
    seeds_each = found.seeds_needed
    assert seeds_each is not None

    def shown(k: int) -> bool:
        luck = [part * 4 for part in found.apart.seeds]  # type: ignore[union-attr]
        parts = [*((each / k, k - 1.0) for each in luck), (found.apart.samples, float("inf"))]  # type: ignore[union-attr]
        error = sum(part for part, _ in parts) ** 0.5
        return bool(error * (stats.critical(parts, 1 - LEVEL / 2) + 0.8416212) <= abs(found.apart.mean))  # type: ignore[union-attr]

    assert shown(seeds_each)
    assert not shown(seeds_each - 1)
    assert f"about {seeds_each:,} seeds each would be needed for 2" in verdict(found)


def test_one_seed_each_compares_weights_and_claims_nothing_about_the_methods() -> None:
    better = verdict(compared(record("a", correct=300), record("b", correct=450)))
    assert better.startswith("these weights of b are better by 30 points (95 %: ")
    assert better.endswith("over 500 test samples; of the methods, one seed each says nothing")
    alike = verdict(compared(record("a", correct=449), record("b", correct=450)))
    assert alike.startswith("no difference that 500 test samples can show (p = ")
    assert alike.endswith("of the methods, one seed each says nothing")


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([record("b")], "b has one seed, which says nothing about a method: run it with --seeds 3"),
        ([failed("b", reason="died at 3")], "b has no run that ended well: crashed, died at 3"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(others: list[Record], reason: str) -> None:
    assert verdict(compared(*seeds("a", 450, 451), *others)) == f"nothing can be said: {reason}"


def test_without_evidence_nothing_is_said() -> None:
    made = [*seeds("a", 450, 451), *seeds("b", 450, 451)]
    (found,) = comparisons(Memory(*made, proofs={id(one): evidence() for one in made[1:]}), "a", "b")
    assert verdict(found) == "nothing can be said: evidence of a is missing: run it again"


def test_equal_ones_are_equal() -> None:
    made = [*seeds("a", 450, 451), *seeds("b", 450, 451)]
    same = {id(one): evidence(450 + one.seed) for one in made}
    (found,) = comparisons(Memory(*made, proofs=same), "a", "b")
    assert verdict(found) == "no difference that 2 seeds each and 500 test samples can show (p = 1.00)"
    assert found.better is None


def test_the_samples_that_one_alone_gets_right_are_counted_by_class() -> None:
    a, b = record("a", correct=450), record("b", correct=430)
    proofs = {id(a): evidence(450, seed=1), id(b): evidence(430, seed=1)}  # of the same targets
    (found,) = comparisons(Memory(a, b, proofs=proofs), "a", "b")
    assert found.only_a is not None
    assert found.only_b is not None
    right_a, right_b = proofs[id(a)].correct, proofs[id(b)].correct
    assert right_a is not None
    assert right_b is not None
    assert list(found.only_a.positions) == [at for at in range(500) if right_a[at] and not right_b[at]]
    assert found.only_a.classes.total() == len(found.only_a.positions) == 20
    assert found.only_b.positions == ()


def test_each_track_that_both_were_run_in_is_compared_and_others_are_named() -> None:
    both = [*seeds("a", 450), *seeds("b", 440)]
    longer = [msgspec.structs.replace(one, budget="9 epochs") for one in both]
    aimed = [msgspec.structs.replace(one, target="accuracy=0.8") for one in both]
    alone = record("a", budget="1 epoch")
    found = comparisons(Memory(*both, *longer, *aimed, alone), "a", "b")
    assert [each.track.asked for each in found] == ["3 epochs", "3 epochs to accuracy=0.8", "9 epochs"]
    assert in_text(found[0]).startswith("a against b: digits, 3 epochs, cpu\n")
    assert in_text(found[1]).startswith("a against b: digits, 3 epochs to accuracy=0.8, cpu\n")


def test_an_interval_of_a_difference_stays_within_what_can_be() -> None:
    found = compared(*seeds("a", 500, 490), *seeds("b", 10, 0))
    assert found.apart is not None
    assert -1 <= found.apart.low <= found.apart.high <= 1


# ---- the command


@pytest.fixture
def board(tmp_path: Path) -> Path:
    made = [*seeds("a", 300, 301, 302), *seeds("b", 450, 451, 452), record("c", budget="1 epoch")]
    for one in (*made, failed("d")):
        Store(tmp_path).write(one, proof(one) if one.status is Status.OK else None)
    return tmp_path


def run(board: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        make_cli(harness_manager()), ["compare", *arguments, "--leaderboard", str(board)]
    )


def test_the_command_shows_both_and_the_verdict(board: Path) -> None:
    said = run(board, "a", "b", "--samples")
    assert said.exit_code == 0
    for words in (
        "first less second",
        "accuracy %",
        "right alone",
        "parameters",
        "b is better by 30.0 points",
        "only a gets",
    ):
        assert words in said.output


def test_two_records_are_two_sets_of_weights(board: Path) -> None:
    first, second = (one for one in Store(board).read()[0] if one.submission.name == "a" and one.seed < 2)
    said = run(board, stem(first), stem(second))
    assert "of the methods, one seed each says nothing" in said.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("a",), "grader compare takes two names: grader compare A B, or A --baseline B"),
        (("a", "bb"), "no submission or record is named 'bb'; did you mean b?"),
        (("a", "b", "--task", "mnist"), "a has no record on task 'mnist'; it has on digits"),
        (
            ("a", "c"),
            "a and c were never run under the same conditions (digits, 3 epochs, cpu against digits, ",
        ),
        (("a", "--baseline", "x"), "no submission or record is named 'x'"),
    ],
)
def test_what_cannot_be_compared_is_one_line(board: Path, arguments: tuple[str, ...], complaint: str) -> None:
    said = run(board, *arguments)
    assert said.exit_code == 4
    assert complaint in said.output
    assert len(said.output.strip().splitlines()) == 1


def test_a_pull_request_is_held_against_a_submission(board: Path) -> None:
    said = run(board, "--baseline", "a")
    assert said.exit_code == 0
    table = [line for line in said.output.splitlines() if line.startswith("| ")]
    assert table[1].startswith("| b ")
    assert "b is better by 30.0 points" in table[1]
    assert "| d " in table[2]
    assert "nothing can be said: d has no run that ended well" in table[2]
    assert said.output.rstrip().endswith("</details>")


def test_a_pull_request_is_held_against_another_leaderboard(board: Path, tmp_path_factory: Any) -> None:
    base = tmp_path_factory.mktemp("base")
    for one in (*seeds("a", 400, 401, 402, digest="1" * 64), *seeds("b", 450, 451, 452)):
        Store(base).write(one, proof(one))
    said = run(board, "--baseline", str(base))
    assert said.output.count("a is better by 20.0 points") == 2  # in the summary, and in full
    assert "b is" not in said.output
    assert run(board, "--baseline", str(board)).output == "nothing differs from the baseline\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    a, b = record("a", correct=300), record("b", correct=450)
    renamed = msgspec.structs.replace(a, submission=msgspec.structs.replace(a.submission, name=name))
    (found,) = comparisons(
        Memory(renamed, b, proofs={id(renamed): evidence(300), id(b): evidence(450)}), name, "b"
    )
    for text in (in_text(found), in_markdown(found)):
        assert all(line.isprintable() for line in text.split("\n"))
    assert "<script" not in in_markdown(found)
