"""What in a record is hard to believe: claims that its own figures, or those of other seeds, do not allow.

A suspicion is a question, not a verdict. Most of what a record says comes from its worker, and an honest
trial can be odd; each line has the figures, so that a person can tell.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from statistics import NormalDist

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.record import CurvePoint, Record
from grader.contract.status import Status
from grader.contract.text import one_line
from grader.host.reports.tables import heading, number, seconds
from grader.host.stats import score, t_quantile
from grader.host.target import time_to_target

_SEEDS = 3  # others that it takes to say what a further one may score
_FAR = 0.9995  # two-sided 0.1 %: of a thousand honest records one is told to be odd
_POINTS = 3  # of accuracy that it takes to say what training came to
_DEVIATIONS = 5.0  # of a fraction of the test samples
_ROUNDING = 1e-6
_CLOCK = 0.05  # seconds between what two processes, or clock and accounting, call now
_TICKS = 1.05  # the kernel accounts CPU time in ticks
_MANY = 1.1  # of a budget's own count; what comes in whole batches and epochs goes a little over it


def measure(record: Record) -> str:
    """The metric whose noise is known: accuracy, or for regression mse."""
    return "mse" if record.task.kind == "regression" else "accuracy"


def shown(metric: str, value: float) -> str:
    """`97.22 %`, `2950.123`."""
    return number(metric, value) + heading(metric).removeprefix(metric)


def binomial(accuracy: float, samples: int) -> float:
    """The standard error of a fraction of so many test samples; never 0, as one more could go wrong."""
    share = min(max(accuracy, 1 / (samples + 2)), 1 - 1 / (samples + 2))
    return math.sqrt(share * (1 - share) / max(samples, 1))


def predicted(values: Sequence[float], p: float, least: float = 0.0) -> tuple[float, float]:
    """The interval in which one more value lies, by Student's t: below its upper end with probability p.

    Mean ± t(k - 1) * s * sqrt(1 + 1/k), for k values of one normal distribution. `least` is what s is at
    least; that much is known and not estimated, so that the normal distribution's quantile is its factor.
    """
    told, many = score(values), len(values)
    reach = max(t_quantile(p, many - 1) * (told.std or 0.0), NormalDist().inv_cdf(p) * least)
    reach *= math.sqrt(1 + 1 / many)
    return told.mean - reach, told.mean + reach


def suspicions(record: Record, others: Sequence[Record], again: Record | None = None) -> list[str]:
    """Return a line for each claim that is hard to believe.

    `others` are the other seeds of its row that ended well, `again` is the same trial trained anew here.
    """
    found = [*_of_scores(record, others), *_of_times(record, others)]
    if again is not None:
        found += _against_anew(record, again)
    return found


def _of_scores(record: Record, others: Sequence[Record]) -> Iterator[str]:
    if record.status is Status.OK and measure(record) in record.metrics:
        yield from _among_seeds(record, others)
        yield from _beside_its_test_curve(record)
        if record.task.kind != "regression":
            yield from _above_its_curve(record)
            yield from _against_its_loss(record)


def _of_times(record: Record, others: Sequence[Record]) -> Iterator[str]:
    yield from _against_its_clock(record)
    yield from _against_its_budget(record)
    if record.status is Status.OK:
        yield from _faster_than_seeds(record, others)


# --- scores ---


def _among_seeds(record: Record, others: Sequence[Record]) -> Iterator[str]:
    name = measure(record)
    values = [other.metrics[name] for other in others if name in other.metrics]
    if len(values) < _SEEDS:
        return
    mean = score(values).mean
    # Seeds may agree by chance: their spread is at least what the test samples alone make of it
    least = binomial(mean, record.task.test_samples) if name == "accuracy" else 0.01 * abs(mean)
    low, high = predicted(values, _FAR, least)
    if not low <= record.metrics[name] <= high:
        yield (
            f"{name} {shown(name, record.metrics[name])}, where the {len(values)} other seeds allow "
            f"{shown(name, max(low, 0.0))} to {shown(name, high if name == 'mse' else min(high, 1.0))}"
        )


def _above_its_curve(record: Record) -> Iterator[str]:
    """A model knows what it was trained on at least about as well as what it never saw.

    A running mean over an epoch lags behind, and dropout and augmentation make training harder than the
    test: so only where the test leaves less than half of the errors that training ever came down to.
    """
    told = [point.accuracy for point in record.curve if point.accuracy is not None]
    if len(told) < _POINTS:
        return
    best, accuracy = max(told), record.metrics["accuracy"]
    far = best + _DEVIATIONS * binomial(best, record.task.test_samples) if best < 1 else best
    if accuracy > far and 1 - accuracy < (1 - best) / 2:
        yield (
            f"accuracy {shown('accuracy', accuracy)} on the test set, and never more than "
            f"{shown('accuracy', best)} on what it was trained on, as its own curve tells"
        )


def _beside_its_test_curve(record: Record) -> Iterator[str]:
    """The curve ends in the final weights: with their scores, when the training ends."""
    if not record.test_curve:
        return
    last, end = record.test_curve[-1], record.timing.train_seconds
    if any(record.metrics.get(name) != value for name, value in last.metrics.items()):
        name = measure(record)
        told = shown(name, last.metrics[name]) if name in last.metrics else "another"
        yield f"{name} {shown(name, record.metrics[name])}, where the curve on the test set ends in {told}"
    times = [point.seconds for point in record.test_curve]
    if times != sorted(times) or (end is not None and times[-1] > end + _CLOCK):
        yield "the times of its curve on the test set do not go from the start of the training to its end"


def _against_its_loss(record: Record) -> Iterator[str]:
    """Each wrong sample costs at least ln 2: another class, or the other side of 0, is as likely or more.

    And each right one at most ln K, as it is then the likeliest of K classes.
    """
    accuracy, loss = record.metrics["accuracy"], record.metrics.get("loss")
    if loss is None:
        return
    least, most = (1 - accuracy) * math.log(2), math.log(max(2, len(record.task.classes)))
    wrong = f"accuracy {shown('accuracy', accuracy)} and loss {loss:.4g} do not go together"
    if loss < least - _ROUNDING:
        yield f"{wrong}: so many wrong predictions cost at least {least:.4g}"
    elif accuracy == 1 and loss > most + _ROUNDING:
        yield f"{wrong}: where all are right they cost at most {most:.4g}"


# --- times ---


def _against_its_clock(record: Record) -> Iterator[str]:
    train, cpu = record.timing.train_seconds, record.timing.train_cpu_seconds
    if train is None:
        return
    last = max((point.seconds for point in record.curve), default=0.0)
    if last > train + _CLOCK:
        yield f"trained for {seconds(train)} s, and its own curve goes on until {seconds(last)} s"
    cores = max(1, record.environment.cores)
    if cpu is not None and cpu > _TICKS * cores * (train + _CLOCK):
        yield f"{seconds(cpu)} s of CPU time in {seconds(train)} s of training on {cores} cores"


def _against_its_budget(record: Record) -> Iterator[str]:
    try:
        budget = Budget.parse(record.budget)
    except UsageError:
        return
    train, limit, usage = record.timing.train_seconds, budget.with_grace, record.usage
    if record.status is Status.OK and train is not None and limit is not None and train > limit:
        yield f"trained for {seconds(train)} s, and is killed after {limit:g} s of a budget of {budget}"
    counted = (
        ("epochs", usage.epochs, budget.epochs, 1.0),
        ("steps", usage.steps, budget.steps, 1.0),
        ("samples", usage.samples, budget.samples, usage.samples / max(1, usage.steps)),
    )
    for name, used, allowed, slack in counted:
        if allowed is not None and used > _MANY * allowed + slack:
            yield f"counted {used:g} {name}, on a budget of {budget}"


def _faster_than_seeds(record: Record, others: Sequence[Record]) -> Iterator[str]:
    """Two other seeds at least: one alone may have been slow."""
    train = record.timing.train_seconds
    alike = [
        other.timing.train_seconds
        for other in others
        if other.timing.train_seconds is not None and _same_work(record, other)
    ]
    if train is not None and len(alike) > 1 and train < statistics.median(alike) / 3:
        usual = seconds(statistics.median(alike))
        steps = f"{record.usage.steps:,} steps in {seconds(train)} s"
        yield f"{steps}, which took other seeds {usual} s on the same processor"


def _same_work(one: Record, other: Record) -> bool:
    """Whether two trainings are as long on the same machine: steps, processor and threads."""
    return one.usage.steps == other.usage.steps > 0 and (one.device.name, one.device.threads) == (
        other.device.name,
        other.device.threads,
    )


def _against_anew(record: Record, again: Record) -> Iterator[str]:
    """What took less than half of the time that the same took here, on the same processor."""
    if again.status is not Status.OK or not _same_work(record, again):
        return
    then, now, idle = record.timing.train_seconds, again.timing.train_seconds, _idle(again)
    if then is not None and now is not None and then < idle * now / 2:
        steps = f"{record.usage.steps:,} steps in {seconds(then)} s"
        yield f"{steps}, which take {seconds(idle * now)} s here, on the same processor"
    then, now = time_to_target(record), time_to_target(again)
    if then is not None and now is not None and then < idle * now / 2:
        reached = f"{one_line(record.target)} in {seconds(then)} s"
        yield f"{reached}, which takes {seconds(idle * now)} s here, on the same processor"


def _idle(record: Record) -> float:
    """The share of its time that it would have taken on an idle machine, by the CPU time of its threads."""
    wall, cpu = record.timing.train_seconds, record.timing.train_cpu_seconds
    return 1.0 if not wall or cpu is None else min(1.0, cpu / max(1, record.device.threads) / wall)


def another_curve(record: Record, again: Record) -> Iterator[str]:
    """Where the same bits come out, the losses on the way are the same as well."""
    losses = {point.steps: point.loss for point in again.curve}
    other = [point for point in record.curve if _differs(point, losses)]
    if other:
        point = other[0]
        yield (
            f"its curve is another run's: after {point.steps:,} steps a loss of {point.loss:.6g} then, "
            f"{losses[point.steps]:.6g} now"
        )


def _differs(point: CurvePoint, losses: dict[int, float | None]) -> bool:
    now = losses.get(point.steps)
    return point.loss is not None and now is not None and point.loss != now
