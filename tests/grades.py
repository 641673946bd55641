"""A small class, graded: of records out of nothing, with something of everything that can come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from factories import failed, record

from grader.contract.record import CurvePoint, Layer, ModelInfo, Record, Timing
from grader.contract.status import Phase
from grader.contract.status import Status as Ended
from grader.grading.model import (
    Attempt,
    Criterion,
    Grade,
    Gradebook,
    Graded,
    Mark,
    Outcome,
    Status,
    Student,
    Tried,
)

CRITERIA = (
    Criterion(name="test_trains", title="It trains within its budget", points=20),
    Criterion(name="test_accuracy", title="Accuracy on digits", points=40, after=("test_trains",),
              hint="Lower the learning rate, or shuffle."),
    Criterion(name="test_secret[7]", title="Zebra holds on another seed", points=30, hidden=True),
    Criterion(name="test_small", title="Fewer than 10,000 parameters", points=10, extra=True,
              after=("test_secret[7]",)),
    Criterion(name="test_style", title="Takes no global variable", points=10),
)  # fmt: skip
TRACEBACK = (
    'File "/srv/course/hw3/bea_44.py", line 3, in train\n    loss = run(x)  # <b>bold</b> ```\n'
    'File "/usr/lib/python3.11/site-packages/torch/nn/functional.py", line 9, in nll\n'
    "ZeroDivisionError: division by zero"
)


def mark(name: str, outcome: Outcome, points: float, message: str = "", detail: str = "") -> Mark:
    return Mark(criterion=name, outcome=outcome, points=points, message=message, detail=detail)


def tried(student: str, marks: Sequence[Mark], *, number: int = 1, **changes: Any) -> Tried:
    """One attempt, its maximum 100."""
    attempt = Attempt(
        student=student,
        number=number,
        path=f"/srv/course/hw3/{student}_44.py",
        source=f"hw3.zip: {student}_44.py",
        submitted="2026-03-01T12:00:00+01:00",
        clock="metadata",
    )
    points = sum(each.points for each in marks)
    base = Tried(
        attempt=attempt, submission=f"{student}_44", digest="d" * 64, marks=tuple(marks), points=points,
        maximum=100.0, total=points,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def grade(student: str, *attempts: Tried, **changes: Any) -> Grade:
    """Of the last attempt; `changes` are fields of Grade."""
    base = Grade(
        student=Student(key=student, file=f"{student}_44.py", id=str(4000 + ord(student[0])),
                        name=student.title(), email=f"{student}@uni.example", sis_id=f"S-{student}",
                        login=f"{student}.l"),
        pseudonym=f"brisk-{len(student)}{student[0]}-otter"[:40],
        status=Status.GRADED if attempts else Status.MISSING,
        tried=attempts,
        counts=len(attempts) - 1 if attempts else None,
        total=attempts[-1].total if attempts else 0.0,
        maximum=100.0,
        percent=attempts[-1].total if attempts else 0.0,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def full(student: str = "ada") -> Tried:
    """All of it, the extra credit too."""
    return tried(
        student,
        [
            mark("test_trains", Outcome.PASSED, 20),
            mark("test_accuracy", Outcome.PARTIAL, 32.5, "accuracy 0.8712; 0.90 gives all points"),
            mark("test_secret[7]", Outcome.PARTIAL, 17.25, "zebra 0.5"),
            mark("test_small", Outcome.PASSED, 10),
            mark("test_style", Outcome.GRADER_ERROR, 10, "KeyError: 'zap'", "rubric.py:9: KeyError: 'zap'"),
        ],
    )


def gradebook(*grades: Grade, **changes: Any) -> Gradebook:
    base = Gradebook(
        assignment="Homework 3: digits",
        rubric="rubric.py",
        rubric_digest="ab" * 32,
        graded="2026-03-05T08:00:00Z",
        conditions={"task": "digits", "budget": "3 epochs"},
        rules={"due": "2026-03-01T23:59:00+01:00", "late": "10 % per day"},
        criteria=CRITERIA,
        grades=grades,
    )
    return msgspec.structs.replace(base, **changes)


def of(student: str, **changes: Any) -> Record:
    """A good training of the student's."""
    name = f"{student}_44"
    made = record(name, digest="d" * 64, **changes)
    layers = (Layer(name="net.ada_layer", kind=f"{student.title()}Net", shape=(10,), parameters=650),)
    structure = f"{student.title()}Net((0): Linear())"
    return msgspec.structs.replace(
        made, model=ModelInfo(parameters=4810, trainable=4810, structure=structure, layers=layers)
    )


def some_class() -> Graded:
    """Ada with two attempts and extra credit, Bea crashed and late, Cyd without a file, Dov in a group.

    Eve's file could not be trained, and what Fay handed in timed out and is suspicious.
    """
    failing = [
        mark("test_trains", Outcome.FAILED, 0, "crashed: see below"),
        mark("test_accuracy", Outcome.BLOCKED, 0, "comes after test_trains"),
        mark("test_secret[7]", Outcome.PASSED, 29.5),
        mark("test_small", Outcome.BLOCKED, 0, "comes after test_secret[7], which was not met"),
        mark("test_style", Outcome.PASSED, 10),
    ]
    ada, first = full(), tried("ada", failing, number=1, submission="ada_first")
    ada = msgspec.structs.replace(ada, attempt=msgspec.structs.replace(ada.attempt, number=2))
    bea = tried(
        "bea", failing, penalty=10.0, penalty_reason="1 day late: 10 % of 100", total=29.5, number=1
    )  # 39.5 less 10
    unread = tried("eve", [], submission="")
    unread = msgspec.structs.replace(
        unread,
        attempt=msgspec.structs.replace(unread.attempt, problem="/srv/course/hw3/eve.zip is no zip", path=""),
    )
    grades = (
        grade("ada", first, ada, status=Status.GRADER_ERROR, reason="test_style erred"),
        grade("bea", bea, reason="1 day late: 10 % of 100"),
        grade("cyd"),
        grade("dov", ada, by="ada"),
        grade("eve", unread, status=Status.INVALID, reason="no zip", total=0.0, percent=0.0),
        grade("fay", tried("fay", failing), flags=("read the folder of the rubric",)),
    )
    curve = tuple(
        CurvePoint(epoch=at + 1.0, steps=21 * at, samples=1297 * at, seconds=at * 0.4, loss=2.3 / (at + 1),
                   accuracy=0.1 + 0.04 * at)
        for at in range(20)
    )  # fmt: skip
    records: Mapping[str, Sequence[Record]] = {
        "ada_44": [of("ada", curve=curve, output="epoch 1 from /srv/course/hw3\n"), of("ada", seed=1)],
        "ada_first": [failed("ada_first", digest="d" * 64)],
        "bea_44": [
            failed("bea_44", digest="d" * 64, detail=TRACEBACK,
                   notes=("her own note",), output="saved to /srv/course/hw3/out.txt\n",
                   reason="ZeroDivisionError while training: division by zero (/srv/course/hw3/bea_44.py, 3)")
        ],
        "fay_44": [
            failed("fay_44", Ended.TIMEOUT, digest="d" * 64, phase=Phase.TRAIN,
                   timing=Timing(load_seconds=0.1, train_seconds=20.0, train_cpu_seconds=900.0))
        ],
    }  # fmt: skip
    problems = ("nobody in the roster handed in zoe.py",)
    return Graded(gradebook(*grades, problems=problems), records)
