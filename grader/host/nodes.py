"""Which nodes are slow or noisy today: their calibrations, held against those of others of their kind."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from grader.contract.record import Calibration, Record

# Of 40 calibrations on two cores with little beside them, 37 took within 17 % of their median; the others
# 0.75, 1.26 and 1.69 times as long, the last two when something else began to run. Beside a busy process on
# the same core they took 1.8 to 3.2 times as long.
SLOW = 1.25

# The spread of 37 of those 40 was 0.10 to 0.32, 0.18 in the middle; that of the others 0.39, 0.56 and 1.14.
# Where other work came and went on both cores, it was above 0.4 for 12 of 40. A neighbour that is always
# there shows as slow and not here: 0.13 to 0.40 beside the busy process.
NOISY = 0.4


class _Kind(NamedTuple):
    """Calibrations of one kind should take the same time."""

    device: str
    model: str  # of the processor or accelerator
    threads: int
    torch: str
    steps: int


class Nodes:
    """The calibrations of a leaderboard's records, and of a session as it goes on."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._known: dict[_Kind, set[tuple[str, Calibration]]] = defaultdict(set)
        self._slow: dict[tuple[str, Calibration], str] = {}
        for record in records:
            self._learn(record)

    def judged(self, record: Record) -> Record:
        """Return the record with what is to be said of its node, which is learnt of as well.

        What it says of a calibration stays: a node is not slow in other words with each record.
        """
        node = record.node
        if node is None or node.calibration is None:
            return record
        self._learn(record)
        remarks = [*self._slowness(record), *noise(node.calibration)]
        return msgspec.structs.replace(
            record,
            node=msgspec.structs.replace(node, remarks=(*node.remarks, *remarks)),
            notes=(*record.notes, *(f"its node {remark}" for remark in remarks)),
        )

    def _learn(self, record: Record) -> None:
        if record.node is not None and record.node.calibration is not None:
            kind = _kind(record, record.node.calibration)
            self._known[kind].add((record.node.name, record.node.calibration))

    def _slowness(self, record: Record) -> list[str]:
        assert record.node is not None
        assert record.node.calibration is not None
        own = (record.node.name, record.node.calibration)
        others = self._known[_kind(record, own[1])] - {own}
        if own not in self._slow and others:
            usual = statistics.median(calibration.seconds for _, calibration in others)
            factor = own[1].seconds / usual
            if factor > SLOW:
                self._slow[own] = (
                    f"took {factor:.2f} times as long as usual for the calibration ({own[1].seconds:.3g} s, "
                    f"usually {usual:.3g} s): its seconds are not comparable"
                )
        return [self._slow[own]] if own in self._slow else []


def noise(calibration: Calibration) -> list[str]:
    """Return what is to be said of a node whose rounds differed, nothing where they did not."""
    if calibration.spread <= NOISY:
        return []
    spread = f"spread {100 * calibration.spread:.0f} %"
    return [f"was noisy when it was calibrated ({spread}): its seconds are not to be relied on"]


def _kind(record: Record, calibration: Calibration) -> _Kind:
    device = record.device
    return _Kind(device.kind, device.name, device.threads, record.environment.torch, calibration.steps)
