"""One pair's book and trades by WebSocket: what the feed needs of a venue."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from freqtrade_ext.fills.book import Level
from freqtrade_ext.fills.queue import Print

PRINTS_KEPT = 5000

Levels = Sequence[Level]


class OutOfStep(Exception):
    """The streams do not give the exchange's book any more; the message says why."""


class Streams(Protocol):
    """What the feed needs of a venue."""

    prints: deque[Print]
    """oldest first, without a gap; contents before the first one are unknown"""
    stamp_ms: int | None
    """the book is as it was at this time of the exchange's clock, or later; None while it is not in step"""

    async def follow(self) -> None:
        """Keep in step until something fails; leaves no connection behind."""

    def seconds_silent(self) -> float:
        """Time since the connection was last known to be alive."""

    def levels(self, depth: int) -> tuple[Levels, Levels] | None:
        """
        Give bids and asks, best first, `depth` of them or the whole side; None where fewer are known.

        Amounts are as the exchange counts them: in contracts on futures.
        """
