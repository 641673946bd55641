"""Records of other leaderboard folders, a contributor's or another machine's, taken into one's own.

What the other folder says is a claim: a record's place here follows from what it says of its trial, never
from a path, and none comes without the evidence that fits it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from grader.contract.errors import StoreError, UsageError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import LINE, one_line, plain
from grader.host.filters import moment
from grader.host.store import Copy, Store, read_copy, record_files, standing_at, stem

Preference = Literal["ours", "theirs", "newest"]


class Verdict(StrEnum):
    """What became of one file of the other folder."""

    NEW = "new"
    SAME = "already here"
    OURS = "ours kept"
    THEIRS = "theirs taken"
    UNDECIDED = "undecided"
    REFUSED = "not taken"


@dataclass(frozen=True)
class Step:
    """One file, and what a person should read of it: a line, or nothing."""

    verdict: Verdict
    line: str = ""


def source(folder: str, store: Store) -> Path:
    """Return the records/ folder that is meant by a leaderboard's folder or by itself. Raises UsageError."""
    path = Path(folder).expanduser()
    records = path if path.resolve().name == "records" else path / "records"
    if not records.is_dir():
        raise UsageError(f"{plain(folder)} holds no records/ folder; name another leaderboard's folder")
    ours, theirs = store.records.resolve(), records.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise UsageError(f"{plain(folder)} is this leaderboard itself; name another leaderboard's folder")
    return records


def merge(
    store: Store, sources: Sequence[Path], prefer: Preference | None = None, *, dry_run: bool = False
) -> Iterator[Step]:
    """Take every record of the sources, one step each, that is not here; `prefer` decides conflicts.

    Without it ours stay. Raises StoreError when a file cannot be written; what was taken is whole.
    """
    for folder in sources:
        problems: list[str] = []
        for path in record_files(folder, problems):
            yield _merged(store, Path(path), prefer, dry_run)
        yield from (Step(Verdict.REFUSED, problem) for problem in problems)


def summary(counts: Counter[Verdict], *, dry_run: bool = False) -> str:
    """`merged: 3 new, 1 undecided`, and how to decide."""
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    line = f"{'would merge' if dry_run else 'merged'}: {told or 'no records'}"
    hint = "; ours stay until --ours, --theirs or --newest decides" if counts[Verdict.UNDECIDED] else ""
    return line + hint


def differences(ours: Record, theirs: Record) -> str:
    """What two records of one key differ in, in words: first what matters to a reader of tables."""
    here, there = _facts(ours), _facts(theirs)
    told = [
        f"{name} {here.get(name, 'none')} here, {there.get(name, 'none')} there"
        for name in dict.fromkeys([*here, *there])
        if here.get(name) != there.get(name)
    ]
    if not told:
        fields = [name for name in ours.__struct_fields__ if getattr(ours, name) != getattr(theirs, name)]
        told = [f"the same scores, another {', '.join(fields)}"]
    return one_line("; ".join(told), 2 * LINE)


def _merged(store: Store, path: Path, prefer: Preference | None, dry_run: bool) -> Step:
    try:
        copy = read_copy(path)
        ours = standing_at(store.path(copy.record))
    except StoreError as error:  # theirs is none, or ours: a file that cannot be read is never written over
        return Step(Verdict.REFUSED, f"{error}; left alone")
    verdict = _verdict(store, ours, copy.record, prefer)
    if verdict in {Verdict.NEW, Verdict.THEIRS} and not dry_run and not store.take(copy, instead_of=ours):
        return _merged(store, path, prefer, dry_run)  # a run stored its own in the meantime
    return Step(verdict, _told(verdict, ours, copy))


def _verdict(store: Store, ours: Record | None, theirs: Record, prefer: Preference | None) -> Verdict:
    if ours is None:
        return Verdict.NEW
    if ours == theirs:
        whole = ours.status != Status.OK or store.path(ours).with_suffix(".npz").exists()
        return Verdict.SAME if whole else Verdict.NEW  # it comes back with the evidence that ours has lost
    if prefer == "newest":
        return _newest(moment(ours.finished), moment(theirs.finished))
    return {"ours": Verdict.OURS, "theirs": Verdict.THEIRS}.get(prefer or "", Verdict.UNDECIDED)


def _newest(ours: datetime | None, theirs: datetime | None) -> Verdict:
    if ours is None or theirs is None or ours == theirs:
        return Verdict.UNDECIDED
    return Verdict.THEIRS if theirs > ours else Verdict.OURS


def _told(verdict: Verdict, ours: Record | None, copy: Copy) -> str:
    if verdict in {Verdict.NEW, Verdict.SAME} or ours is None:
        return f"{copy.remark}; taken without it" if copy.remark and verdict is Verdict.NEW else ""
    name = f"{one_line(copy.record.node_id)} ({stem(copy.record)})"
    lost = f"; {copy.remark}" if copy.remark and verdict is Verdict.THEIRS else ""
    return f"conflict: {name}: {differences(ours, copy.record)}; {verdict}{lost}"


def _facts(record: Record) -> dict[str, str]:
    device, under = record.device, record.environment
    machine = dict.fromkeys((device.name, under.processor, under.platform))
    metrics = {name: repr(value) for name, value in sorted(record.metrics.items())}  # rounded, they may agree
    return {
        "status": record.status,
        **metrics,
        "finished": record.finished,
        "machine": f"{', '.join(machine)}, threads {device.threads}",
    }
