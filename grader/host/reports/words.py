"""What stands under a table: how its rows were ranked, and what may not be read into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.contract.isolation import openings
from grader.contract.record import TaskInfo
from grader.contract.text import NAME, count, one_line
from grader.host.rank import Row, Table
from grader.host.reports.tables import RELATIVE, Text, whole
from grader.host.significance import LEVEL, is_mean_over_samples
from grader.host.track import Track

_NAMED = 5  # rows that a line names


def conditions(track: Track, text: Text = one_line) -> list[str]:
    """Return the kind of device of a track, and an isolation that does not keep submissions in."""
    weak = [f"isolation {text(track.isolation or 'unknown', NAME)}"] if openings(track.isolation) else []
    return [text(track.device, NAME), *weak]


def rule(table: Table, text: Text = one_line) -> list[str]:
    """Return the rule in sentences, a line each, as far as it bears on these rows; `text` escapes names."""
    ranked = [row for row in table.rows if row.rank is not None]
    kinds = {row.interval_of for row in ranked if not row.unproven}
    if not is_mean_over_samples(table.task):
        return [
            f"Rows are in the order of their means. {text(table.task.metric, NAME)} is no mean over the test "
            "samples, so that no test tells differences from noise: none is claimed, and all are rank 1."
        ]
    lines = [
        "Rows are in the order of their means. A row's rank is 1 + the number of rows above it that are "
        f"better by more than noise (p below {LEVEL:g} for each pair), and never better than the rank right "
        "above it: read no order into rows that share one."
    ]
    lines += _of_methods(table) if "method" in kinds else []
    lines += _of_weights(table) if "weights" in kinds else []
    if {"method", "weights"} <= kinds:
        lines.append("Between a row of one seed and one of several no difference is claimed.")
    return lines + list(_exceptions(table, text))


def rule_of_times(table: Table) -> list[str]:
    """Return the rule of the ranking by time to the target, a line each."""
    several = any(row.reached and row.reached.rank and row.ok > 1 for row in table.rows)
    lines = [
        "Rows are in the order of the mean time until two successive snapshots of the weights had reached "
        "the target, by the host's clock. Those of which some seed did not stand below, without a rank."
    ]
    if several:
        lines.append(
            f"A rank is 1 + the number of rows above it that are faster by more than their seeds differ (p "
            f"below {LEVEL:g} for each pair), and never better than the rank right above it."
        )
    if not table.alike:
        lines.append("They ran on several devices, whose seconds do not compare: none has a rank.")
    if any(row.reached and row.reached.rank and row.ok == 1 for row in table.rows):
        lines.append("Of a row with one seed no difference is claimed.")
    return lines


def rule_of_seconds(table: Table) -> list[str]:
    """Return what may be read into training times, a line each; none where nothing is special about them."""
    lines = []
    if not table.alike:
        lines.append(
            "These rows ran on several models of device, or with different threads: their seconds do not "
            "compare."
        )
    if table.relative:
        lines.append(
            f"{RELATIVE} is the training time in units of the calibration, a short training that was timed "
            "on the same node on the same day."
        )
    return lines


def rule_in_short(table: Table) -> str:
    """Return the rule in a line for a terminal, or '' where no row has a rank."""
    kinds = {row.interval_of for row in table.rows if row.rank is not None}
    if not kinds:
        return ""
    noise = {
        frozenset({"method"}): "over seeds and test samples",
        frozenset({"weights"}): "one seed each: of these weights, not of the methods",
    }.get(frozenset(kinds), "none is claimed between one seed and several")
    return f"#: 1 + the rows above that are better by more than noise ({noise})"


def tested_on(task: TaskInfo) -> str:
    """How many test samples scores are of: `500 test samples`, and of which split where there are two."""
    split = f"{task.split} " if task.split else ""
    return f"{whole(task.test_samples)} {split}test samples"


def _of_methods(table: Table) -> Iterator[str]:
    yield (
        "Of a row with several seeds, ± is their standard deviation, and the 95 % interval covers both "
        f"sources of noise, the seeds and the {tested_on(table.task)}, as the test does that compares two "
        "such rows."
    )


def _of_weights(table: Table) -> Iterator[str]:
    exact = "McNemar's exact test" if table.task.metric == "accuracy" else "a paired t-test"
    yield (
        "A row with one seed speaks of these weights: its 95 % interval is over the "
        f"{tested_on(table.task)}, and {exact} compares the weights of two such rows. It claims nothing "
        "about the methods: another seed may turn it round."
    )


def _exceptions(table: Table, text: Text) -> Iterator[str]:
    if any(0 < row.ok < row.counted for row in table.rows):
        yield "A row with a failed seed stands below complete rows, without a rank."
    unproven = [row for row in table.rows if row.unproven]
    if unproven:
        lacking = count(sum(row.unproven for row in unproven), "record")
        yield f"Without their evidence ({lacking} of {_names(unproven, text)}) no difference is claimed."


def _names(rows: Sequence[Row], text: Text) -> str:
    names = [text(row.name, NAME) for row in rows]
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])
