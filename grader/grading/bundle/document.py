"""results.json where there is nothing to say, and what staff are told beside the grades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from grader.contract.text import block, json_document
from grader.grading.model import Grade, Outcome

FAILED, TOO_LONG = "failed.json", "too-long.json"
_PASSED_ON = "Your files are kept. Staff have been told why, and can have them graded again."
_WORDS = {
    FAILED: f"This could not be graded, by no fault of yours. {_PASSED_ON}",
    TOO_LONG: (
        "This was not graded: it took longer than the platform allows. Look first for a loop in your code "
        f"that does not end. {_PASSED_ON}"
    ),
}


def instead() -> dict[str, bytes]:
    """Return the results.json of each way to end without grades, by its file name.

    They give no points: what cannot be graded must not be worth more than what can.
    """
    return {name: _encoded(_without_grades(words)) for name, words in _WORDS.items()}


def with_facts(results: bytes, facts: Mapping[str, Any]) -> bytes:
    """Return the results with facts for staff in `extra_data`, which the platform shows no student.

    They take the place of the pseudonym: it would be another one in each container.
    """
    return _encoded({**msgspec.json.decode(results), "extra_data": dict(facts)})


def for_staff(grade: Grade) -> Iterator[str]:
    """Yield what staff must know of a grade: why it is not simply graded, and each criterion that erred."""
    if grade.reason:
        yield f"{grade.status}: {grade.reason}"
    yield from grade.flags
    for mark in grade.best.marks if grade.best else ():
        if mark.outcome is Outcome.GRADER_ERROR:
            yield f"{mark.criterion} erred, and costs the student nothing:\n{block(mark.detail, 500)}"


def _without_grades(words: str) -> dict[str, Any]:
    return {
        "score": 0,
        "output": words,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
    }


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json_document(document)
