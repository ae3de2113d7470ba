"""How far the mid moves in the taker's direction after a sweep: what a slow reaction costs."""

from __future__ import annotations

from array import array
from collections import deque

from freqtrade_ext.feed.local_book import Top
from freqtrade_ext.fidelity.align import LATE_MS
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.fidelity.tops import Tops

DECISION_MS = 1_000
"""least time between two decisions of which the drift is measured"""
HORIZONS_MS = (100, 250, 1_000, 5_000)


class Drift:
    """Follows decisions made when all of a sweep has been seen, by local time."""

    def __init__(self, moves: dict[int, array[float]]) -> None:
        """:param moves: bps by horizon in ms; what is measured is added there."""
        self._moves = moves
        self._decisions: deque[tuple[float, int]] = deque()
        """when, and in which direction"""

    def sweep(self, sweep: Sweep) -> None:
        start_ms = sweep.last_ms + LATE_MS
        if not self._decisions or start_ms > self._decisions[-1][0] + DECISION_MS:
            self._decisions.append((start_ms, sweep.sign))

    def settle(self, local_ms: float, tops: Tops) -> None:
        """Measure the decisions whose longest horizon is over."""
        while self._decisions and self._decisions[0][0] + HORIZONS_MS[-1] < local_ms:
            self._measure(*self._decisions.popleft(), tops)

    def _measure(self, start_ms: float, sign: int, tops: Tops) -> None:
        start = _mid(tops.by(start_ms))
        if start is None:
            return
        for horizon_ms, moves in self._moves.items():
            mid = _mid(tops.by(start_ms + horizon_ms))
            if mid is not None:
                moves.append(1e4 * sign * (mid / start - 1))


def _mid(top: Top | None) -> float | None:
    """None for a book of one side, whose other best rate is given as 0."""
    return (top.bid + top.ask) / 2 if top is not None and top.bid and top.ask else None
