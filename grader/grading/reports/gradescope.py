"""gradescope/<student>.json: the results.json of an autograder for one student.

By the platform's specification of autograders: `score` at the top overrides the sum of the tests, which is
how lateness gets in; a hidden test is shown to staff alone, and where there is one the platform shows
students no total; a leaderboard's values are sorted from the highest down unless `order` says "asc". Of
extra credit it says nothing: a `max_score` of 0 keeps it out of what is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import NAME, json_document, one_line
from grader.grading.model import Grade, Graded, Outcome
from grader.grading.reports.feedback import as_markdown
from grader.grading.reports.visible import Feedback, feedback
from grader.grading.reports.words import OUTCOMES, exact, said

_MET = {Outcome.PASSED, Outcome.GRADER_ERROR}


def results(graded: Graded, grade: Grade, told: Feedback | None = None) -> bytes:
    """Return results.json: all numbers finite, times in seconds. `told` is the feedback, where it is made.

    Raises StoreError for a number that is none.
    """
    told = told or feedback(graded, grade)
    records = graded.of(grade.best) if grade.best else ()
    document: dict[str, Any] = {
        "score": exact(grade.total),
        "execution_time": round(math.fsum(map(_wall_seconds, records)), 3),
        "output": as_markdown(told),
        "output_format": "md",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": list(_tests(graded, grade, told)),
        "extra_data": {"pseudonym": one_line(grade.pseudonym, NAME)},
    }
    board = list(_leaderboard(records))
    if board:  # the platform asks students for pseudonyms of their own; ours is among the extra data
        document["leaderboard"] = board
    return json_document(document)


def _tests(graded: Graded, grade: Grade, told: Feedback) -> Iterator[dict[str, Any]]:
    book, best = graded.book, grade.best
    marks = {mark.criterion: mark for mark in best.marks} if best else {}
    lines = iter(told.lines)
    for criterion in book.criteria:
        mark = marks.get(criterion.name)
        if mark is None:
            continue
        line = None if criterion.hidden else next(lines)
        test: dict[str, Any] = {
            "name": said(criterion.title or criterion.name),
            "status": "passed" if mark.outcome in _MET else "failed",
            "output": _output(line.message, line.hint) if line else said(mark.message),
            "visibility": "hidden" if criterion.hidden else "visible",
        }
        if mark.outcome is Outcome.EXCUSED:
            test |= {"status": "passed", "output": OUTCOMES[mark.outcome]}
        else:
            test["score"] = exact(mark.points)
            test["max_score"] = 0 if criterion.extra else exact(criterion.points)
        yield test


def _output(message: str, hint: str) -> str:
    return "\n".join(filter(None, (message, f"Try next: {hint}" if hint else "")))


def _leaderboard(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The mean of the first task's metric over the seeds that ended well, and of the seconds of training."""
    good = [record for record in records if record.status is Status.OK]
    first = [record for record in good if record.task.name == good[0].task.name]
    task = first[0].task if first else None
    scores = [record.metrics[task.metric] for record in first if task and task.metric in record.metrics]
    if task is None or not scores:
        return
    order = "desc" if task.higher_is_better else "asc"
    yield {"name": one_line(task.metric, NAME), "value": _mean(scores), "order": order}
    times = [each.timing.train_seconds for each in first if each.timing.train_seconds is not None]
    if times:
        yield {"name": "train seconds", "value": _mean(times), "order": "asc"}


def _mean(values: Sequence[float]) -> float:
    return exact(math.fsum(value / len(values) for value in values))


def _wall_seconds(record: Record) -> float:
    timing = record.timing
    phases = (timing.load_seconds, timing.train_seconds, timing.predict_seconds, timing.score_seconds)
    return math.fsum(filter(None, phases))
