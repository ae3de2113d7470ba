"""How far the local clock is ahead of the exchange's, as NTP estimates it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

FIRST_SAMPLES = 6
"""at once; the first one pays for the connection and is not counted"""
FIRST_SECONDS, MEASURE_SECONDS, RETRY_SECONDS = 0.1, 30, 5
SAMPLES_KEPT = 20
DRIFT = 50e-6
"""seconds that a bad local clock may lose in a second"""


class Sample(NamedTuple):
    """One question for the time; the truth lies within `error_ms` of the offset."""

    asked: float
    """monotonic seconds"""
    offset_ms: float
    error_ms: float
    """half the round trip"""

    def error_at(self, now: float) -> float:
        """Return what the sample's error has grown to, in ms."""
        return self.error_ms + 1000 * DRIFT * (now - self.asked)


class ExchangeClock:
    """
    The exchange's clock beside the local one.

    The answer with the shortest round trip knows best, as it leaves least room for a way there that is
    longer than the way back (RFC 5905, section 10, clock filter); it ages by the drift of clocks.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self.offset_ms: float | None = None
        self.round_trip_ms = 0.0
        """of a request to the exchange, at best"""
        self.round_trips_ms: tuple[float, ...] = ()
        """of the last requests, oldest first; without those from before a clock was set"""

    def local_ms(self, exchange_ms: int | None) -> int | None:
        """Return a time by the local clock; None where it is unknown."""
        if exchange_ms is None or self.offset_ms is None:
            return None
        return int(exchange_ms + self.offset_ms)

    async def follow(self) -> None:
        """Measure until cancelled."""
        asked = 0
        while True:
            try:
                sample = await self._ask()
            except Exception as error:  # fills are left to REST until it is known
                logger.debug("The exchange's time: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            asked += 1
            if asked > 1:
                self.add(sample)
            if asked == FIRST_SAMPLES:
                self._say()
            await asyncio.sleep(FIRST_SECONDS if asked < FIRST_SAMPLES else MEASURE_SECONDS)

    async def _ask(self) -> Sample:
        # what ccxt makes a request wait for its rate limit is no part of the way
        await self._client.throttle(0)
        asked, before_ms = time.monotonic(), time.time() * 1000
        exchange_ms = await self._client.fetch_time()
        round_trip_ms = (time.monotonic() - asked) * 1000
        # exchanges cut their time to whole milliseconds
        return Sample(asked, before_ms + round_trip_ms / 2 - (exchange_ms + 0.5), round_trip_ms / 2)

    def add(self, sample: Sample) -> None:
        """Keep the best sample that agrees with the newest; after a clock was set the others are void."""
        now = sample.asked
        agree = [s for s in self._samples if abs(s.offset_ms - sample.offset_ms) <= _room(s, sample) + 1]
        self._samples = deque([*agree, sample], maxlen=SAMPLES_KEPT)
        best = min(self._samples, key=lambda s: s.error_at(now))
        self.offset_ms = best.offset_ms
        self.round_trips_ms = tuple(2 * s.error_ms for s in self._samples)
        self.round_trip_ms = min(self.round_trips_ms)

    def _say(self) -> None:
        if self.offset_ms is not None:
            logger.info(
                "Live feed: the local clock is %+.0f ms off the exchange's, known to %.0f ms; a request "
                "takes %.0f to %.0f ms there and back.",
                self.offset_ms,
                self.round_trip_ms / 2,
                self.round_trip_ms,
                max(self.round_trips_ms),
            )


def _room(older: Sample, newer: Sample) -> float:
    return older.error_at(newer.asked) + newer.error_ms


def now_ms() -> int:
    return time.time_ns() // 1_000_000
