"""One pair's book and trades by WebSocket: what the feed needs of a venue."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from freqtrade_ext.fills.book import Level
from freqtrade_ext.fills.queue import Print

PRINTS_KEPT = 5000
MESSAGES_TIMED = 20
PAUSES = 3
"""usual intervals without a message after which it is not known when the next one comes"""
QUIET_SECONDS = 2.0
"""a topic that says nothing for this long is compared with REST"""
BEHIND_SECONDS = 1.0
"""trades that take longer than the book by this are left to REST"""
BOOK_SECONDS, TRADES_SECONDS = 5.0, 30.0
"""
how long a topic counts without a message or an answer that agrees. Trades longer: a wrong book is believed
at once, while trades that nobody hears of just delay a fill, and cost more to ask for
"""

Levels = Sequence[Level]


class OutOfStep(Exception):
    """The streams do not give the exchange's book any more; the message says why."""


@dataclass(slots=True)
class Topic:
    """One stream of a pair: when it last spoke, and when it was last known to be right."""

    name: str
    """of one message, for the log"""
    trusted_seconds: float
    agrees: Callable[[], Awaitable[bool]]
    """Ask REST whether the stream lacks nothing; a stream may be ahead of REST."""
    told: float = field(default_factory=time.monotonic)
    """monotonic seconds of its last message, or of its start"""
    proven: float = field(default_factory=time.monotonic)
    """monotonic seconds at which it was last known to be right"""
    heard: deque[float] = field(default_factory=lambda: deque(maxlen=MESSAGES_TIMED))
    """monotonic seconds of the last messages"""

    def speak(self) -> None:
        self.told = self.proven = time.monotonic()
        self.heard.append(self.told)

    def seconds_to_next(self, lag: float) -> float:
        """
        Return in how long a message may be expected that is sent from now on, judged by the last ones.

        :param lag: seconds that a message takes to arrive.
        :return: infinite where messages have stopped, or were too few.
        """
        since = time.monotonic() - self.told
        if len(self.heard) < 2:
            return math.inf
        interval = max((self.heard[-1] - self.heard[0]) / (len(self.heard) - 1), 0.001)
        if since > lag + PAUSES * interval:
            return math.inf
        return max(math.ceil((since + lag) / interval) * interval - since, 0.0)

    def doubt(self) -> None:
        """Trust it again after its next message only."""
        self.proven = -self.trusted_seconds

    @property
    def is_quiet(self) -> bool:
        return time.monotonic() - self.proven > QUIET_SECONDS

    @property
    def is_trusted(self) -> bool:
        return time.monotonic() - self.proven < self.trusted_seconds


class Streams(Protocol):
    """What the feed needs of a venue."""

    book_topic: Topic
    trades_topic: Topic
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
        Return bids and asks, best first, `depth` of them or the whole side; None where fewer are known.

        Amounts are as the exchange counts them: in contracts on futures.
        """


def seconds_behind(streams: Streams) -> float:
    """
    Return by how much longer the last trade was on its way than the last book; no clock needs to be right.

    The first message may hold trades from before the subscription, and counts for nothing.
    """
    trades, book = streams.trades_topic, streams.book_topic
    if len(trades.heard) < 2 or not streams.prints or streams.stamp_ms is None:
        return 0.0
    return (trades.told - book.told) - (streams.prints[-1].time_ms - streams.stamp_ms) / 1000
