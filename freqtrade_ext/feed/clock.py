"""Tell how far the local clock is ahead of the exchange's."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

logger = logging.getLogger(__name__)

MEASURE_SECONDS = 600
RETRY_SECONDS = 30


class ExchangeClock:
    """The exchange's clock beside the local one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.offset_ms: float | None = None
        """the whole round trip on the safe side: better REST than a book from before an arrival"""

    def local_ms(self, exchange_ms: int | None) -> int | None:
        """Tell a time by the local clock, rather too early than too late; None where it is unknown."""
        if exchange_ms is None or self.offset_ms is None:
            return None
        return int(exchange_ms + self.offset_ms)

    async def follow(self) -> None:
        """Measure for ever, to half a round trip."""
        while True:
            before = now_ms()
            try:
                exchange_ms = await self._client.fetch_time()
            except Exception as error:  # fills are left to REST until it is known
                logger.debug("The exchange's time: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            after = now_ms()
            if self.offset_ms is None:
                logger.info(
                    "Live feed: the local clock is %+.0f ms off the exchange's, known to %.0f ms.",
                    (before + after) / 2 - exchange_ms,
                    (after - before) / 2,
                )
            self.offset_ms = before - exchange_ms
            await asyncio.sleep(MEASURE_SECONDS)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
