"""A first assignment

A criterion is a test with points. `record` is one training of one submission: `.status`, `.metrics`,
`.model`, `.timing`, `.curve`. What an assert says where it fails is what the student reads.
"""

import pytest

from grader import points


@pytest.mark.points(20, hint="`grader check` on your file says in seconds what stops it.")
def test_trains(record):
    """It trains and predicts without an error."""
    assert record.status == "ok", f"your training ended as {record.status}: {record.reason}"


# `after` gives no points where that one failed; `between` gives a share of them.
@pytest.mark.points(60, after="test_trains", hint="Try another optimiser before another layer.")
def test_accuracy(record):
    """It recognises digits that it has never seen."""
    return points.between(record.metrics["accuracy"], 0.50, 0.90)


# `hidden=True` keeps a criterion from students, `extra=True` makes it extra credit.
@pytest.mark.points(20, after="test_accuracy")
def test_is_small(record):
    """It does with few parameters."""
    count = record.model.parameters
    assert count <= 20_000, f"your model has {count:,} parameters; at most 20,000 earn these points"
