"""Tell trades that are new from those that another stream or connection has told already."""

from __future__ import annotations

from collections import deque
from typing import Any

KEPT_GAPS = 64


class TradeIds:
    """The ids of one symbol's trades seen so far: all up to the greatest, but for the newest gaps."""

    def __init__(self) -> None:
        self._greatest, self._newest_ms = -1, 0
        self._gaps: deque[tuple[int, int]] = deque(maxlen=KEPT_GAPS)
        """first and last id of each"""

    def add(self, first_id: int, last_id: int, time_ms: int) -> bool:
        """
        Add a trade, or an aggregated one with all its ids; return whether none of it was seen before.

        A seen id of a later time than all others is not the same trade: the ids are counted anew.
        """
        is_later = time_ms > self._newest_ms
        self._newest_ms = max(self._newest_ms, time_ms)
        if first_id <= self._greatest:
            if self._fill(first_id, last_id):
                return True
            if not is_later:
                return False
            self._greatest = -1
            self._gaps.clear()
        self._leave_out(self._greatest + 1, first_id - 1)
        self._greatest = last_id
        return True

    def _fill(self, first_id: int, last_id: int) -> bool:
        for first, last in self._gaps:
            if first <= first_id and last_id <= last:
                self._gaps.remove((first, last))
                self._leave_out(first, first_id - 1)
                self._leave_out(last_id + 1, last)
                return True
        return False

    def _leave_out(self, first_id: int, last_id: int) -> None:
        if first_id <= last_id:
            self._gaps.append((first_id, last_id))


def ids_of_trade(trade: dict[str, Any]) -> tuple[Any, Any]:
    """Return the first and the last id that a trade, or an aggregated one, stands for."""
    return (trade["f"], trade["l"]) if "f" in trade else (trade["t"], trade["t"])
