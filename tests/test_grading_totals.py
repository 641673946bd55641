"""What a student gets: the attempt that counts, what lateness costs, and what a group shares."""

import math
import random
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest

from grader.grading.intake import Intake
from grader.grading.late import Late
from grader.grading.model import Attempt, Criterion, Grade, Mark, Outcome, Status, Student
from grader.grading.rules import Choice, Rules
from grader.grading.times import parse_zone
from grader.grading.totals import Judged, grades, to_judge

SECRET = b"s" * 32
DUE = datetime(2026, 3, 10, 12, tzinfo=UTC)
LATE = Late.parse("10% per day, at most 50%, grace 15 minutes, closed after 7 days")
CRITERIA = (Criterion(name="a", title="A", points=60), Criterion(name="b", title="B", points=40))


def student(key: str, **fields: str) -> Student:
    return Student(key=key, **fields)


def attempt(who: str, number: int = 1, submitted: str = "", **fields: object) -> Attempt:
    made = Attempt(
        student=who, number=number, path=f"/x/{who}{number}", source=f"{who}{number}.py",
        submitted=f"2026-03-{submitted}:00+00:00" if submitted else "", clock="metadata" if submitted else "",
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def broken(who: str, number: int, submitted: str = "") -> Attempt:
    return attempt(who, number, submitted, path="", problem="x.zip is no zip that can be read")


def judged(a: float, b: float = 0.0, /, **outcomes: Outcome) -> Judged:
    marks = tuple(
        Mark(criterion=name, outcome=outcomes.get(name, Outcome.PASSED), points=points)
        for name, points in (("a", a), ("b", b))
    )
    return Judged("name", "d" * 64, marks)


def graded(
    students: Iterable[Student],
    results: dict[Attempt, Judged | None],
    rules: Rules | None = None,
    criteria: tuple[Criterion, ...] = CRITERIA,
) -> dict[str, Grade]:
    known = {(each.student, each.number): found for each, found in results.items() if found is not None}
    found = grades(Intake(tuple(students), tuple(results)), criteria, known, rules or Rules(), SECRET)
    return {each.student.key: each for each in found}


def alone(results: dict[Attempt, Judged | None], rules: Rules | None = None, **fields: str) -> Grade:
    return graded([student("ada", **fields)], results, rules)["ada"]


def late_rules(attempts: Choice = "latest") -> Rules:
    return Rules(due=DUE, late=LATE, attempts=attempts)


class TestPoints:
    def test_marks_are_added_without_noise(self) -> None:
        criteria = tuple(Criterion(name=name, title=name, points=0.1) for name in ("a", "b"))
        extra = Criterion(name="c", title="c", points=0.1, extra=True)
        marks = tuple(Mark(criterion=name, outcome=Outcome.PASSED, points=0.1) for name in "abc")
        done = {attempt("ada"): Judged("n", "d", marks)}
        grade = graded([student("ada")], dict(done), criteria=(*criteria, extra))["ada"]
        assert (grade.total, grade.maximum, grade.percent) == (0.3, 0.2, 150.0)

    def test_an_excused_criterion_leaves_the_maximum(self) -> None:
        grade = alone({attempt("ada"): judged(45, 40, b=Outcome.EXCUSED)})
        assert (grade.total, grade.maximum, grade.percent, grade.status) == (45, 60, 75, Status.GRADED)

    def test_where_all_is_excused_nothing_is_divided_by_nothing(self) -> None:
        grade = alone({attempt("ada"): judged(0, 0, a=Outcome.EXCUSED, b=Outcome.EXCUSED)})
        assert (grade.total, grade.maximum, grade.percent) == (0, 0, 0)

    def test_a_fault_of_the_grader_is_for_staff_to_look_at(self) -> None:
        grade = alone({attempt("ada"): judged(60, 10, a=Outcome.GRADER_ERROR)})
        assert (grade.total, grade.status) == (70, Status.GRADER_ERROR)
        assert grade.reason == "1 criterion failed by no fault of this submission's: staff looks at it"

    def test_an_attempt_that_nobody_judged_is_the_grader_s_fault(self) -> None:
        assert alone({attempt("ada"): None}).status is Status.GRADER_ERROR

    def test_a_student_without_a_file_is_missing(self) -> None:
        grade = alone({})
        assert (grade.status, grade.total, grade.maximum, grade.tried) == (Status.MISSING, 0, 100, ())
        assert (grade.counts, grade.reason) == (None, "nothing was handed in")

    def test_what_cannot_be_trained_is_invalid_and_says_why(self) -> None:
        grade = alone({broken("ada", 1): None})
        assert (grade.status, grade.total, grade.counts) == (Status.INVALID, 0, 0)
        assert grade.reason == "x.zip is no zip that can be read"


class TestLateness:
    @pytest.mark.parametrize(
        ("submitted", "total", "reason"),
        [
            ("10T12:00", 80, ""),
            ("10T12:14", 80, "14 minutes late: nothing is taken off"),
            ("10T12:16", 70, "1 day late: 10 % of 100"),
            ("12T12:10", 60, "2 days late: 20 % of 100"),
            ("16T12:00", 30, "6 days late: 50 % of 100"),
            ("18T12:00", 0, "8 days late, closed after 7 days: no points"),
        ],
    )
    def test_it_follows_the_rule(self, submitted: str, total: float, reason: str) -> None:
        grade = alone({attempt("ada", 1, submitted): judged(60, 20)}, late_rules())
        assert (grade.total, grade.reason) == (total, reason)
        assert grade.best is not None
        assert grade.best.points - grade.best.penalty == grade.total

    def test_no_more_is_taken_off_than_there_is(self) -> None:
        grade = alone({attempt("ada", 1, "12T00:00"): judged(5)}, late_rules())
        assert (grade.total, grade.best and grade.best.penalty) == (0, 5)

    def test_the_percent_is_of_what_the_student_could_get(self) -> None:
        grade = alone({attempt("ada", 1, "11T00:00"): judged(60, 0, b=Outcome.EXCUSED)}, late_rules())
        assert (grade.total, grade.reason) == (54, "1 day late: 10 % of 60")

    @pytest.mark.parametrize("extension", ["2 days", "2026-03-12", "2026-03-12T13:00+01:00"])
    def test_an_extension_moves_the_due_time(self, extension: str) -> None:
        done: dict[Attempt, Judged | None] = {attempt("ada", 1, "12T12:00"): judged(60, 20)}
        assert alone(done, late_rules(), extension=extension).total == 80
        assert alone(done, late_rules()).total == 60

    def test_what_nobody_knows_is_not_late_but_told_to_staff(self) -> None:
        grade = alone({attempt("ada"): judged(60, 20)}, late_rules())
        assert (grade.total, grade.flags) == (80, ("nobody knows when it was handed in: not taken for late",))

    def test_staff_learn_where_the_platform_says_otherwise(self) -> None:
        grade = alone({attempt("ada", 1, "09T00:00", late=True): judged(60)}, late_rules())
        assert grade.flags == ("marked late by the learning platform, which these rules do not find",)

    def test_the_clock_of_a_file_is_named(self) -> None:
        grade = alone({attempt("ada", 1, "11T00:00", clock="file"): judged(60)}, late_rules())
        assert grade.reason == "1 day late, by the file's date: 10 % of 100"

    def test_the_end_of_summer_time_makes_nobody_late(self) -> None:
        zone = parse_zone("Europe/Berlin")
        due = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zone)  # 01:30 UTC
        at = msgspec.structs.replace(attempt("ada"), submitted="2026-10-25T02:45:00+02:00")  # 00:45 UTC
        assert alone({at: judged(60)}, Rules(due=due, late=LATE, timezone=zone)).total == 60


class TestAttempts:
    def three(self) -> dict[Attempt, Judged | None]:
        return {
            attempt("ada", 1, "08T12:00"): judged(50),
            attempt("ada", 2, "09T12:00"): judged(60, 40),
            attempt("ada", 3, "12T12:00"): judged(60, 40),
        }

    @pytest.mark.parametrize(
        ("rule", "number", "total", "to_train"),
        [("first", 1, 50, 1), ("latest", 3, 80, 1), ("best", 2, 100, 3)],
    )
    def test_the_rule_says_which_counts(self, rule: Choice, number: int, total: float, to_train: int) -> None:
        grade = alone(self.three(), late_rules(rule))
        assert grade.best is not None
        assert (grade.best.attempt.number, grade.total) == (number, total)
        intake = Intake((student("ada"),), tuple(self.three()))
        assert len(to_judge(intake, late_rules(rule))) == to_train == len(grade.tried)

    def test_the_best_is_the_best_after_what_lateness_costs(self) -> None:
        done: dict[Attempt, Judged | None] = {
            attempt("ada", 1, "09T12:00"): judged(60, 15), attempt("ada", 2, "12T12:00"): judged(60, 30),
        }  # fmt: skip
        best = alone(done, late_rules("best")).best
        assert best is not None
        assert best.attempt.number == 1

    def test_of_equals_the_earlier_counts(self) -> None:
        best = alone(
            {attempt("ada", 1): judged(60), attempt("ada", 2): judged(60)}, Rules(attempts="best")
        ).best
        assert best is not None
        assert best.attempt.number == 1

    @pytest.mark.parametrize("rule", ["first", "latest", "best"])
    def test_a_broken_one_never_stands_in_for_one_that_trains(self, rule: Choice) -> None:
        done = {broken("ada", 1, "01T00:00"): None, attempt("ada", 2, "02T00:00"): judged(60, 1),
                broken("ada", 3, "03T00:00"): None}  # fmt: skip
        grade = alone(done, Rules(attempts=rule))
        assert (grade.status, grade.total) == (Status.GRADED, 61)
        number = 1 if rule == "first" else 3
        assert f"attempt {number} does not count: x.zip is no zip that can be read" in grade.reason

    def test_one_after_the_closing_leaves_the_one_before(self) -> None:
        done: dict[Attempt, Judged | None] = {
            attempt("ada", 1, "09T12:00"): judged(60), attempt("ada", 2, "28T12:00"): judged(60, 40),
        }  # fmt: skip
        grade = alone(done, late_rules())
        assert (grade.total, grade.reason) == (60, "attempt 2 came after the closing")

    def test_where_all_is_closed_one_that_trains_still_goes_before_a_broken_one(self) -> None:
        done: dict[Attempt, Judged | None] = {
            attempt("ada", 1, "28T12:00"): judged(60), broken("ada", 2, "29T12:00"): None,
        }  # fmt: skip
        grade = alone(done, late_rules())
        assert (grade.status, grade.total) == (Status.GRADED, 0)
        assert grade.reason.endswith("18 days late, closed after 7 days: no points")

    def test_only_what_may_count_is_trained(self) -> None:
        intake = Intake(
            (student("ada"), student("bob")), (broken("ada", 1), attempt("bob", 1), attempt("bob", 2))
        )
        assert to_judge(intake, Rules()) == (attempt("bob", 2),)


class TestGroups:
    def test_one_hand_in_counts_for_all(self) -> None:
        team = [student("ada", group="Team 1"), student("bob", group="team 1"), student("zoe", group="2")]
        found = graded(team, {attempt("ada"): judged(60, 10)})
        assert {key: (each.total, each.by) for key, each in found.items()} == {
            "ada": (70, ""), "bob": (70, "ada"), "zoe": (0, ""),
        }  # fmt: skip
        assert found["zoe"].status is Status.MISSING

    def test_the_latest_of_any_member_is_the_group_s(self) -> None:
        team = [student("ada", group="1"), student("bob", group="1")]
        done: dict[Attempt, Judged | None] = {
            attempt("ada", 1, "02T00:00"): judged(60), attempt("bob", 1, "03T00:00"): judged(0, 40),
        }  # fmt: skip
        found = graded(team, done)
        assert [(each.total, each.by) for each in found.values()] == [(40, "bob"), (40, "")]

    def test_a_member_with_an_extension_is_judged_by_it(self) -> None:
        team = [student("ada", group="1"), student("bob", group="1", extension="3 days")]
        found = graded(team, {attempt("ada", 1, "12T12:00"): judged(60, 40)}, late_rules())
        assert [each.total for each in found.values()] == [80, 100]

    def test_what_is_closed_for_one_may_count_for_another(self) -> None:
        team = [student("ada", group="1"), student("bob", group="1", extension="2026-03-28")]
        done: dict[Attempt, Judged | None] = {
            attempt("ada", 1, "09T12:00"): judged(10), attempt("ada", 2, "25T12:00"): judged(60),
        }  # fmt: skip
        found = graded(team, done, late_rules())
        assert [each.total for each in found.values()] == [10, 60]
        assert len(to_judge(Intake(tuple(team), tuple(done)), late_rules())) == 2


@pytest.mark.parametrize("seed", range(20))
def test_the_same_in_any_order_gives_the_same_finite_numbers(seed: int) -> None:
    chance = random.Random(seed)
    students = [
        student(
            f"s{at}",
            group=chance.choice(["", "x", "y"]),
            extension=chance.choice(["", "1 day", "2026-03-14"]),
        )
        for at in range(8)
    ]
    results: dict[Attempt, Judged | None] = {}
    for each in students:
        for number in range(1, chance.randrange(4) + 1):
            when = (
                f"{chance.randrange(5, 20):02}T{chance.randrange(24):02}:00" if chance.random() < 0.8 else ""
            )
            made = (
                broken(each.key, number, when) if chance.random() < 0.2 else attempt(each.key, number, when)
            )
            results[made] = judged(chance.uniform(0, 60), chance.uniform(0, 40)) if made.path else None
    for rule in ("first", "latest", "best"):
        first = graded(students, results, late_rules(rule))
        order = list(results)
        chance.shuffle(students)
        chance.shuffle(order)
        assert graded(students, {each: results[each] for each in order}, late_rules(rule)) == first
        asked = set(to_judge(Intake(tuple(students), tuple(order)), late_rules(rule)))
        for grade in first.values():
            assert all(math.isfinite(value) for value in (grade.total, grade.maximum, grade.percent))
            assert 0 <= grade.total <= 100
            assert {each.attempt for each in grade.tried if each.attempt.path} <= asked
            if grade.status is Status.GRADED and rule == "best":
                assert grade.total == max(each.total for each in grade.tried)
