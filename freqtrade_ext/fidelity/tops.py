"""Keep the newest messages of the best bid/ask stream."""

from __future__ import annotations

from bisect import bisect_right
from math import isfinite

import orjson

from freqtrade_ext.feed.local_book import Top

KEPT = 8_192
SET_BACK_MS = 1_000.0
"""a clock that goes back by less is that of lines written out of order; one that does by more was set"""


class Tops:
    """The newest messages by position, oldest first, with their arrival; parsed when looked at."""

    def __init__(self) -> None:
        self.times: list[float] = []
        """local times of arrival, ascending"""
        self.floor = -1
        """position of the newest message known to show a sweep; later sweeps come after it"""
        self._messages: list[bytes | Top | None] = []
        self._newest_ms = 0.0

    def add(self, local_ms: float, raw: bytes) -> None:
        if local_ms < self._newest_ms:
            if local_ms < self._newest_ms - SET_BACK_MS:
                self._forget(len(self.times))
            else:
                local_ms = self._newest_ms
        self._newest_ms = local_ms
        self.times.append(local_ms)
        self._messages.append(raw)
        if len(self.times) > KEPT:
            self._forget(KEPT // 2)

    def _forget(self, count: int) -> None:
        del self.times[:count], self._messages[:count]
        self.floor = max(self.floor - count, -1)

    def __getitem__(self, position: int) -> Top | None:
        """Message at a position; None where there is none, or where it is damaged."""
        if position < 0:
            return None
        message = self._messages[position]
        if not isinstance(message, bytes):
            return message
        try:
            data = orjson.loads(message)
            top = Top(data["u"], float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]))
            if not isfinite(sum(top)):
                raise ValueError(message)
        except (ValueError, KeyError, TypeError):
            top = None
        self._messages[position] = top
        return top

    def by(self, local_ms: float) -> Top | None:
        """Newest message that had arrived by a local time."""
        return self[bisect_right(self.times, local_ms) - 1]
