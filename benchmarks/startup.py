"""`grader --help`, and `grader leaderboard` on 1,000 synthetic records, whole processes.

python benchmarks/startup.py [--records 1000]
"""

from __future__ import annotations

import statistics

from common import headline, parser, places, python, table, timed
from leaderboard import fill

TELL = """
import atexit, sys
heavy = ("torch", "numpy", "pydantic", "rich")
atexit.register(lambda: print("\\n" + " ".join(m for m in heavy if m in sys.modules)))
from grader.host.cli import main
main(sys.argv[1:])
"""


def main() -> None:
    """Time, print."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=1000)
    asked = options.parse_args()
    headline()
    with places() as folder:
        board = folder / "board"
        fill(board, asked.records, seeds=1, samples=500)
        rows = [
            row("grader --help", asked.repeats, 0.3, "--help"),
            row(
                f"grader leaderboard, {asked.records} records", asked.repeats, 1.0,
                "leaderboard", "--leaderboard", str(board),
            ),
        ]  # fmt: skip
    table(rows, ["command", "seconds", "at most", "in memory"])


def row(name: str, repeats: int, limit: float, *arguments: str) -> list[object]:
    """The median, and which heavy modules were imported."""
    python("-m", "grader", *arguments)
    seconds = statistics.median(timed(lambda: python("-m", "grader", *arguments)) for _ in range(repeats))
    loaded = python("-c", TELL, *arguments).splitlines()[-1].strip()
    assert "torch" not in loaded.split()
    return [name, seconds, limit, loaded or "nothing heavy"]


if __name__ == "__main__":
    main()
