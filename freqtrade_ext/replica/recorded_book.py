"""The book of a recording, rebuilt from what the recorder wrote down."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from freqtrade_ext.replica.book import BookSide
from freqtrade_ext.replica.fixed import to_fixed
from freqtrade_ext.replica.happenings import Level, Quotes
from freqtrade_ext.tape import Record, first_update_id

logger = logging.getLogger(__name__)

RECENT_DIFFS = 3000
"""kept for a snapshot that comes after them: five minutes' worth"""


class RecordedBook:
    """
    The recorded book: snapshot, then depth diffs, with the bookTickers that are newer on top.

    Where diffs are missing, as after a recorder's lost connection, it begins anew with the next snapshot.
    """

    def __init__(self, bids: BookSide, asks: BookSide) -> None:
        self._sides = (bids, asks)
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_DIFFS)
        self._snapshot: dict[str, Any] | None = None
        """newest one not used"""
        self._id = 0
        """of the last snapshot or diff"""
        self._tops: deque[dict[str, Any]] = deque(maxlen=RECENT_DIFFS)
        """bookTickers newer than that"""
        self.known = False
        self._is_whole = False
        """no diff is missing since the snapshot"""

    def take_up(self, record: Record, data: dict[str, Any]) -> Iterator[Quotes]:
        if record.kind == "snapshot":
            self._snapshot = data
            if not self._is_whole:
                yield from self._start(data)
        elif record.kind == "depth":
            self._recent.append(data)
            if self.known:
                yield from self._diff(data)
        elif record.kind == "bookTicker" and data["u"] > (self._tops[-1]["u"] if self._tops else self._id):
            self._tops.append(data)
            if self.known:
                yield self._splice(data)

    def _start(self, snapshot: dict[str, Any]) -> Iterator[Quotes]:
        """Begin with a snapshot, and with the diffs that had come before it."""
        self._snapshot = None
        changed = [levels(snapshot["bids"]), levels(snapshot["asks"])]
        self.known = self._is_whole = True
        self._id = snapshot["lastUpdateId"]
        for side, new in zip(self._sides, changed, strict=True):
            for rate in list(side.rates()):
                side.put(rate, 0)
            for rate, amount in new:
                side.put(rate, amount)
        yield Quotes(0, changed[0], changed[1], self._id, whole=True)
        for diff in tuple(self._recent):
            yield from self._diff(diff)

    def _diff(self, data: dict[str, Any]) -> Iterator[Quotes]:
        if data["u"] <= self._id:
            return
        first_id = first_update_id(data)
        changed = [levels(data["b"]), levels(data["a"])]
        if first_id > self._id + 1:
            if self._snapshot is not None and self._snapshot["lastUpdateId"] > self._id:
                yield from self._start(self._snapshot)
                return
            logger.warning(
                "%s: changes %s to %s are missing; the book may be wrong until the next snapshot",
                data["s"],
                self._id + 1,
                first_id - 1,
            )
            self._is_whole = False
        self._id = data["u"]
        for side, new in zip(self._sides, changed, strict=True):
            for rate, amount in new:
                side.put(rate, amount)
        while self._tops and self._tops[0]["u"] <= self._id:
            self._tops.popleft()
        # each once more, as the diff brings back levels that one of them had shown to be gone; all in one
        # step, so that nothing older than the last can be seen in between
        bids, asks, update_id = dict(changed[0]), dict(changed[1]), self._id
        for top in self._tops:
            spliced = self._splice(top)
            bids.update(spliced.bids)
            asks.update(spliced.asks)
            update_id = top["u"]
        yield Quotes(0, list(bids.items()), list(asks.items()), update_id)

    def _splice(self, top: dict[str, Any]) -> Quotes:
        changes: list[list[Level]] = []
        for side, rate_name, amount_name in zip(self._sides, "ba", "BA", strict=True):
            best = to_fixed(top[rate_name])
            level = (best, to_fixed(top[amount_name]))
            changes.append([*((rate, 0) for rate in _better(side, best)), level])
            for rate, amount in changes[-1]:
                side.put(rate, amount)
        return Quotes(0, changes[0], changes[1], top["u"])


def _better(side: BookSide, best: int) -> Iterator[int]:
    for rate in side.rates():
        if rate == best or not side.reaches(rate, best):
            return
        yield rate


def levels(rows: Sequence[Sequence[str]]) -> list[Level]:
    """Read recorded levels into units of 1e-8."""
    return [(to_fixed(row[0]), to_fixed(row[1])) for row in rows]
