"""What a new leaderboard has made of the last one: who went up, down, came and is gone, track by track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from grader.contract.text import NAME, one_line
from grader.host.rank import Who
from grader.host.track import Track

if TYPE_CHECKING:
    from grader.host.rank import Standings

Ranks = Mapping[Track, Mapping[Who, int | None]]
"""Each track's rows with their ranks; None for a row without one."""

_NAMED = 5  # rows of each kind that a line names


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Of one track. A row has its former rank and its new one."""

    up: tuple[tuple[Who, int | None, int], ...] = ()
    down: tuple[tuple[Who, int, int | None], ...] = ()
    new: tuple[tuple[Who, int | None], ...] = ()
    gone: tuple[Who, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.up or self.down or self.new or self.gone)


class _Row(msgspec.Struct, frozen=True):
    name: str
    model: str
    loop: str
    rank: int | None


class _Table(msgspec.Struct, frozen=True):
    track: Track
    rows: tuple[_Row, ...]


class _Leaderboard(msgspec.Struct, frozen=True):
    """As much of leaderboard.json as ranks take: whatever else it has may come and go."""

    tables: tuple[_Table, ...]
    schema: Literal[1]
    grader: Literal["leaderboard"]


def former(directory: Path) -> Ranks | None:
    """The ranks that the directory's leaderboard.json has; None where there is none that can be read."""
    try:
        data = (directory / "leaderboard.json").read_bytes()
        return ranks(msgspec.json.decode(data, type=_Leaderboard))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # whatever it is, the next one replaces it; nobody was harmed


def ranks(standings: Standings | _Leaderboard) -> Ranks:
    """The ranks of standings."""
    return {
        table.track: {(row.name, row.model, row.loop): row.rank for row in table.rows}
        for table in standings.tables
    }


def changes(before: Ranks, after: Ranks) -> dict[Track, Changes]:
    """What is different, for each track that has anything to tell, in the order of tracks."""
    tracks = sorted({*before, *after})
    found = {track: _changes(before.get(track, {}), after.get(track, {})) for track in tracks}
    return {track: each for track, each in found.items() if each}


def _changes(before: Mapping[Who, int | None], after: Mapping[Who, int | None]) -> Changes:
    up, down = [], []
    for who, rank in after.items():
        was = before.get(who)
        if who not in before or was == rank:
            continue
        if rank is not None and (was is None or rank < was):
            up.append((who, was, rank))
        elif was is not None:
            down.append((who, was, rank))
    return Changes(
        up=tuple(up),
        down=tuple(down),
        new=tuple((who, rank) for who, rank in after.items() if who not in before),
        gone=tuple(who for who in before if who not in after),
    )


def told(found: Mapping[Track, Changes]) -> list[str]:
    """The changes in words, a few lines a track."""
    if not found:
        return ["no rank has changed since the last leaderboard"]
    lines = []
    for track, each in found.items():
        lines.append(f"changed since the last leaderboard: {_place(track)}")
        kinds = {
            "up": [f"{_name(who)} {_words(was)} to {_words(rank)}" for who, was, rank in each.up],
            "down": [f"{_name(who)} {_words(was)} to {_words(rank)}" for who, was, rank in each.down],
            "new": [f"{_name(who)} ({_words(rank)})" for who, rank in each.new],
            "gone": [_name(who) for who in each.gone],
        }
        lines += [f"  {kind}: {_some(words)}" for kind, words in kinds.items() if words]
    return lines


def _place(track: Track) -> str:
    return ", ".join(one_line(part, NAME) for part in (track.task, track.asked, track.device))


def _name(who: Who) -> str:
    return one_line(who[0], NAME)


def _words(rank: int | None) -> str:
    return "unranked" if rank is None else f"#{rank}"


def _some(words: Sequence[str]) -> str:
    more = [f"and {len(words) - _NAMED} more"] if len(words) > _NAMED else []
    return ", ".join([*words[:_NAMED], *more])
