"""Print the table of attacks in Markdown: `python -m arena` in the folder of the tests; takes minutes.

What became of each attack at each level, as root and as an ordinary user, and what stops it.
"""

from __future__ import annotations

from collections.abc import Iterator

from arena import corpus, plan
from arena.corpus import LOOT, Attack
from arena.plan import Arena
from grader.contract.isolation import Isolation


def main() -> None:
    """Run all sessions and print what became of the attacks."""
    arena = Arena()
    try:
        arena.run()
        print("\n".join(table(arena)))
    finally:
        arena.close()


def table(arena: Arena) -> Iterator[str]:
    """Yield the table's lines. In a cell stands one outcome, or root's and the user's."""
    levels = [level for level in Isolation if any(level in m.levels for m in arena.machines.values())]
    yield f"| group | attack | {' | '.join(levels)} | stopped by |"
    yield "|---" * (len(levels) + 3) + "|"
    for attack in corpus.attacks():
        cells = [_cell(arena, attack, level) for level in levels]
        yield f"| {attack.group} | {attack.name} | {' | '.join(cells)} | {_stoppers(attack)} |"


def _cell(arena: Arena, attack: Attack, level: Isolation) -> str:
    outcomes = [_outcome(arena, attack, level, user) for user in arena.machines]
    return outcomes[0] if len(set(outcomes)) == 1 else " / ".join(outcomes)


def _outcome(arena: Arena, attack: Attack, level: Isolation, user: str) -> str:
    result = arena.results.get(plan.full(user, level))
    if result is None:
        return "not here"
    record = result.records[attack.name]
    return "**succeeds**" if LOOT in record.output else str(record.status)


def _stoppers(attack: Attack) -> str:
    if attack.wall:
        return "the wall"
    return ", ".join(sorted(attack.stopped_by)) or "nothing"


if __name__ == "__main__":
    main()
