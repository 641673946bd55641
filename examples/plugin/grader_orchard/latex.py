"""A form of the leaderboard: `leaderboard.tex`, a table for each track."""

from grader import hookimpl
from grader.contract.text import one_line
from grader.host.files import replace

ESCAPES = {ord(char): f"\\{char}" for char in "&%$#_{}"} | {
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
}


@hookimpl
def grader_write_leaderboard(standings, directory):
    path = directory / "leaderboard.tex"
    replace(path, "\n".join(map(tabular, standings.tables)).encode())  # whole, or as it was
    return [path]


def tabular(table):
    """Return one table. The names are what strangers gave their files: they come in escaped."""
    metric = table.task.metric
    lines = [rf"\begin{{tabular}}{{rlr}} % {escaped(table.track.task)}, {escaped(table.track.budget)}"]
    lines.append(rf"\# & submission & {escaped(metric)} \\")
    for row in table.rows:
        score = f"{row.metrics[metric].mean:.4f}" if metric in row.metrics else escaped(row.status)
        lines.append(rf"{row.rank or ''} & {escaped(row.name)} & {score} \\")
    return "\n".join([*lines, r"\end{tabular}", ""])


def escaped(text):
    """Return text as LaTeX shows it."""
    return one_line(text).translate(ESCAPES)
