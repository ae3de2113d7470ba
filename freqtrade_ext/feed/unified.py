"""Book and trades of a pair as ccxt.pro keeps them, where a venue's own messages are not read."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ccxt

from freqtrade_ext.feed.sockets import HANG_UP_SECONDS, own_cancellation_only
from freqtrade_ext.feed.streams import PRINTS_KEPT, Levels, OutOfStep
from freqtrade_ext.fills.queue import Print


class UnifiedStreams:
    """Book and trades of any venue as ccxt.pro keeps them: Bybit, OKX, Hyperliquid."""

    def __init__(self, client: Any, pair: str, changed: Callable[[], None]) -> None:
        self._client, self._pair, self._changed = client, pair, changed
        self._begin()

    def _begin(self) -> None:
        self.prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        self.stamp_ms: int | None = None
        self._book: Mapping[str, Any] | None = None
        self._heard = 0.0

    async def follow(self) -> None:
        self._begin()
        followed = {"watchOrderBook": self._follow_book, "watchTrades": self._follow_trades}
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, step in followed.items():
                    if self._client.has.get(name):
                        tasks.create_task(self._repeat(step))
        finally:
            self._begin()
            await self._unwatch()

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        with own_cancellation_only():
            while True:
                await step()
                self._heard = time.monotonic()

    async def _follow_book(self) -> None:
        book = await self._client.watch_order_book(self._pair)
        if book["bids"] and book["asks"] and book["bids"][0][0] >= book["asks"][0][0]:
            raise OutOfStep("is crossed")
        self._book, self.stamp_ms = book, book["timestamp"]
        self._changed()

    async def _follow_trades(self) -> None:
        self.prints.extend(map(Print.from_ccxt, await self._client.watch_trades(self._pair)))

    async def _unwatch(self) -> None:
        for name, leave in (("OrderBook", "order_book"), ("Trades", "trades")):
            if self._client.has.get("unWatch" + name) and self._client.clients:
                try:
                    async with asyncio.timeout(HANG_UP_SECONDS):
                        await getattr(self._client, "un_watch_" + leave)(self._pair)
                except (ccxt.BaseError, TimeoutError):
                    pass  # the connection is gone, and the stream with it
        self._client.orderbooks.pop(self._pair, None)

    def seconds_silent(self) -> float:
        return time.monotonic() - self._heard

    def levels(self, depth: int) -> tuple[Levels, Levels] | None:
        if self._book is None:
            return None
        bids, asks = (
            [(rate, amount) for rate, amount, *_ in self._book[side][:depth]] for side in ("bids", "asks")
        )
        return (bids, asks) if len(bids) == len(asks) == depth else None
