"""What order-by-order tapes leave out: which order a trade executed, and orders that were there before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from freqtrade_ext.tape.order_events import CUT, DELETE, EXECUTION, NEW, PRINT, SET, UNITS, Events

MATCH_MS = 30_000
"""a public trade without order ids belongs to an order's reduction of its rate and amount since this long"""


class Matcher:
    """Finds the order that each public trade executed, where trades do not name it."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._left: dict[int, int] = {}
        self._reductions: deque[tuple[float, list[Any], int]] = deque()
        """time, row and amount of reductions that may be executions"""

    def add(self, time_ms: float, kind: int | None, data: dict[str, Any]) -> None:
        """:param kind: None for a trade."""
        rate, amount = float(data["price"]), round(float(data["amount"]) * UNITS)
        reductions = self._reductions
        while reductions and reductions[0][0] < time_ms - MATCH_MS:
            reductions.popleft()
        if kind is None:
            self._trade(time_ms, rate, amount)
            return
        row = [time_ms, kind, data["id"], 1 if data["order_type"] == 0 else -1, rate, amount]
        self.rows.append(row)
        before = self._left.pop(row[2], None)
        if kind != DELETE:
            self._left[row[2]] = amount
        if before is not None and kind != NEW and (kind == SET or amount == 0):
            reductions.append((time_ms, row, before - amount))

    def _trade(self, time_ms: float, rate: float, amount: int) -> None:
        """Of two orders that traded with each other the older one rested."""
        alike = [entry for entry in self._reductions if entry[1][4] == rate and abs(entry[2] - amount) <= 2]
        newest = {entry[1][3]: entry for entry in alike}
        if not newest:
            self.rows.append([time_ms, PRINT, 0, 0, rate, amount])
            return
        found = min(newest.values(), key=lambda entry: entry[1][2])
        self._reductions.remove(found)
        found[1][1], found[1][5] = EXECUTION, found[2]

    def settled(self) -> list[list[Any]]:
        """Return and remove the rows that no later trade can change."""
        due = self.rows[-1][0] - MATCH_MS
        settled = [row for row in self.rows if row[0] < due]
        self.rows = [row for row in self.rows if row[0] >= due]
        return settled


def with_earlier(read: Any, count: Any) -> Iterator[Events]:
    """
    Place orders that were never seen placed: at the start, or before the first one with a greater id.

    The tape is read twice, as such an order is known by its later events only.
    """
    earlier = _never_placed(count())
    ids = np.array(sorted(earlier), np.int64)
    for events in read():
        newest = np.maximum.accumulate(np.where(events.kind == NEW, events.id, -1))
        due = ids[ids < newest[-1]] if len(newest) else ids[:0]
        ids = ids[len(due) :]
        at = np.searchsorted(newest, due, side="right")
        rows = [(events.time_ms[i], NEW, order, *earlier[order]) for i, order in zip(at, due, strict=True)]
        if not rows:
            yield events
            continue
        placed = Events.of(rows)
        yield Events(*(np.insert(old, at, new) for old, new in zip(events, placed, strict=True)))


def _never_placed(chunks: Iterable[Events]) -> dict[int, tuple[int, float, float]]:
    """Return (side, rate, amount) by the id of each order that is met before it is placed."""
    placed: set[int] = set()
    found: dict[int, tuple[int, float, float]] = {}
    for events in chunks:
        for kind, order, side, rate, amount in zip(*(column.tolist() for column in events[1:]), strict=True):
            if kind == NEW:
                placed.add(order)
            elif kind == DELETE and order in placed:
                placed.discard(order)
            elif kind != PRINT and order not in placed:
                before = found.get(order)
                if before is None or kind in (CUT, EXECUTION):
                    found[order] = (side, rate, amount + (before[2] if before else 0.0))
                elif kind == DELETE:
                    placed.discard(order)
    return {order: values for order, values in found.items() if values[2] > 0}
