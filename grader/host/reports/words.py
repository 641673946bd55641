"""What the forms of the leaderboard say in words of how it ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.host.rank import Table


def rule(table: Table) -> list[str]:  # noqa: ARG001 - what the intervals speak of will be told by the table
    """How the rows of a table are ordered and ranked, in plain sentences."""
    return [
        "Rows are ordered by the mean of the score, at full precision. # is 1 + the number of complete rows "
        "with a better mean. A row with a failed seed stands below complete rows and has no rank; rows "
        "without any seed that ended well are last. A harness error is our fault and never held against a "
        "submission.",
        "With several seeds, ± is the standard deviation over them. With one, the brackets are a 95 % "
        "interval (Wilson) over the test samples: it speaks of these weights and claims nothing about the "
        "method.",
    ]
