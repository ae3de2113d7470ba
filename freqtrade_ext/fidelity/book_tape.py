"""Follow one pair's recorded book in the exchange's order, whatever the order in which messages arrived."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.tape import first_update_id

HELD_MS = 2_000
"""differences wait this long for prints and for other differences that come late; 0.8 s was seen"""
HELD_DIFFS = 1_000
"""most differences that wait; no exchange sends so many in that time, and further ones leave a gap"""
QUIET_MS = 60_000
"""a book that did not change for longer is not taken to have stood there: the recording may have a gap"""
HELD_SNAPSHOTS = 16
"""Hyperliquid tells the whole book twice a second, and each waits as long as the differences"""


class BookTape:
    """Holds snapshots and differences, and uses them up to the exchange time that is asked for."""

    def __init__(self, on_difference: Callable[[int, LocalBook], None]) -> None:
        """:param on_difference: is called with the exchange time and the book after each difference."""
        self.book, self.time_ms = LocalBook(), 0
        """the book, and the exchange time of its newest difference; 0 while it is not in step"""
        self.gaps = 0
        """how often it has fallen out of step"""
        self._on_difference = on_difference
        self._was_synced = False
        self._diffs: deque[tuple[int, int, int, Any, Any]] = deque(maxlen=HELD_DIFFS)
        """by exchange time"""
        self._read_ms = 0
        """exchange time of the difference read last"""
        self._snapshots: deque[tuple[int, int, Any, Any]] = deque(maxlen=HELD_SNAPSHOTS)
        """with the exchange time of the difference read before; each waits for one that goes on from it"""

    def snapshot(self, data: dict[str, Any]) -> None:
        self._snapshots.append((self._read_ms, data["lastUpdateId"], data["bids"], data["asks"]))

    def difference(self, data: dict[str, Any]) -> int:
        """Hold a difference; return its exchange time."""
        time_ms = int(data["E"])
        diff = (time_ms, int(first_update_id(data)), int(data["u"]), data["b"], data["a"])
        if self._diffs and time_ms < self._diffs[-1][0]:
            insort(self._diffs, diff, key=itemgetter(0))
        else:
            self._diffs.append(diff)
        self._read_ms = time_ms
        return time_ms

    def use(self, before_ms: float) -> None:
        """Use the differences stamped before this exchange time."""
        diffs, book = self._diffs, self.book
        while diffs and diffs[0][0] < before_ms:
            time_ms, first_id, last_id, bids, asks = diffs.popleft()
            if last_id < book.update_id and 0 < self.time_ms < time_ms:
                # time goes on and ids go back: they are counted anew, or the last one was damaged
                self.book = book = LocalBook()
            if self._snapshots:
                self._use_snapshots(time_ms, last_id)
            if not book.diff(first_id, last_id, bids, asks):
                self.gaps += self.time_ms > 0
                self.time_ms = 0
            elif book.update_id == last_id:
                self.time_ms, self._was_synced = time_ms, True
                self._on_difference(time_ms, book)

    def _use_snapshots(self, time_ms: int, last_id: int) -> None:
        """Use those that the next difference goes on from; of a book in step, only if it was read later."""
        snapshots, book = self._snapshots, self.book
        while snapshots and snapshots[0][1] <= last_id and (book.lost or snapshots[0][0] < time_ms):
            book.snapshot(*snapshots.popleft()[1:])

    def forget(self) -> None:
        """Start anew with the next snapshot: levels are not looked into before they are needed."""
        self.book, self.time_ms = LocalBook(), 0

    def why_not(self, time_ms: int) -> str:
        """Return why the book cannot be that of just before an exchange time; empty where it can."""
        if not self.time_ms:
            has_gap = self._was_synced or (self.book.lost and self.book.update_id >= 0)
            return "gap in the book's updates" if has_gap else "before the first snapshot"
        return "printed too late: the book already holds it" if self.time_ms >= time_ms else ""
