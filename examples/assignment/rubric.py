"""Homework 3: a digit classifier

Each test is worth its points where it passes. `record` is one training of one submission; what a test says
where it fails is what the student reads. Run it all with `grader grade rubric.py`.
"""

import pytest

from grader import points

ENOUGH, VERY_GOOD = 0.70, 0.95  # of the test images: from here on points, from there on all of them


@pytest.mark.points(10, hint="Run `grader check` on your file: it says in seconds what stops it.")
def test_trains(record):
    """It trains to the end of the budget, and predicts."""
    assert record.status == "ok", f"your training ended as {record.status}: {record.reason}"


@pytest.mark.points(
    45,
    after="test_trains",
    hint="Compare optimisers and learning rates first: they matter more than the number of layers.",
)
def test_accuracy(record):
    """It recognises digits that it has never seen.

    The first line of a docstring is the criterion's title; `points.between` gives a share of the points.
    """
    return points.between(record.metrics["accuracy"], ENOUGH, VERY_GOOD)


@pytest.mark.points(15, after="test_trains", hint="One hidden layer gets there, with momentum or Adam.")
def test_beats_the_baseline(record, baseline):
    """It is better than the instructor's baseline, trained under the same conditions."""
    mine, theirs = record.metrics["accuracy"], baseline("baseline.py").metrics["accuracy"]
    assert mine > theirs, f"yours got {mine:.1%} of the test images right, the baseline {theirs:.1%}"


# Each size is a criterion of its own: test_size[small] and test_size[tiny].
@pytest.mark.points(5, after="test_accuracy", hint="Convolutions share their weights: they need far fewer.")
@pytest.mark.parametrize("most", [pytest.param(40_000, id="small"), pytest.param(10_000, id="tiny")])
def test_size(record, most):
    """It does with few parameters."""
    parameters = record.model.parameters
    assert parameters <= most, f"your model has {parameters:,} parameters; at most {most:,} earn this point"


@pytest.mark.points(
    5, after="test_trains", hint="Does the loss go down at all? Print it, or try a tenth of the rate."
)
def test_learns(record, submission):
    """Its own training loop brings the loss down."""
    if "train" not in submission.hooks:
        pytest.skip("no training loop of its own: these points are neither earned nor asked for")
    losses = [point.loss for point in record.curve if point.loss is not None]  # a claim of the loop's own
    if len(losses) < 2:
        return points.fraction(0.5, "your loop told fewer than two losses: half the points, unseen")
    assert losses[-1] < 0.7 * losses[0], f"the loss went from {losses[0]:.2f} to {losses[-1]:.2f} only"
    return None  # no share: all of the points


@pytest.mark.points(5, hint="Write it in the first line of the docstring at the top of your file.")
def test_says_its_idea(submission):
    """The file says in its first line what the idea is."""
    words = len(submission.title.split())
    assert words >= 5, f"a sentence of at least five words, please: yours has {words}"


@pytest.mark.points(10, hidden=True, after="test_accuracy")
def test_another_seed(record, trial):
    """Hidden: with another seed it is as good, so that it was no luck."""
    first, again = record.metrics["accuracy"], trial(seed=1).metrics["accuracy"]
    return points.between(again, first - 0.10, first - 0.03)


@pytest.mark.points(5, extra=True, after="test_accuracy")
def test_first_rank(record, standings):
    """Extra credit: nobody is better by more than noise."""
    rows = [row for table in standings.tables for row in table.rows]
    rank = next(row.rank for row in rows if row.name == record.submission.name)
    assert rank == 1, f"your rank is {rank}"
