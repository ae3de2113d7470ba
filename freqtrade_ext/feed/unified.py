"""Book and trades of a pair as ccxt.pro keeps them, where a venue's own messages are not read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import ccxt

from freqtrade_ext.feed.rest import BOOK_LEVELS, has_no_newer_trade, smallest_book
from freqtrade_ext.feed.sockets import HANG_UP_SECONDS, hang_up, own_cancellation_only, seconds_silent
from freqtrade_ext.feed.streams import BOOK_SECONDS, PRINTS_KEPT, TRADES_SECONDS, Levels, OutOfStep, Topic
from freqtrade_ext.fills.queue import Print

FIRST_SECONDS = 10
"""within which a subscription must bring the whole book"""
DEPTHS = {
    # 200 each 100 ms on futures; on spot 200 and 1000 alike each 200 ms
    # (https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook)
    ("bybit", True): 1000,
    ("bybit", False): 200,
    # https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
    ("okx", True): 400,
    ("okx", False): 400,
    # https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
    ("hyperliquid", True): 20,
    ("hyperliquid", False): 20,
}
"""levels a side that are followed, by exchange and whether spot; a side with fewer is known to its end"""


class UnifiedStreams:
    """Book and trades of any venue as ccxt.pro keeps them: Bybit, OKX, Hyperliquid."""

    def __init__(self, client: Any, pair: str, changed: Callable[[], None]) -> None:
        self._client, self._pair, self._changed = client, pair, changed
        self._depth = DEPTHS.get((client.id, bool(client.market(pair)["spot"])))
        self._begin()

    def _begin(self) -> None:
        self.prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        self.stamp_ms: int | None = None
        self._book: Mapping[str, Any] | None = None
        self.book_topic = Topic("order book", BOOK_SECONDS, self._has_rests_book)
        is_complete = has_no_newer_trade(self._client, self._pair, self.prints)
        self.trades_topic = Topic("trade", TRADES_SECONDS, is_complete)

    async def follow(self) -> None:
        self._begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(self._follow_book))
                if self._client.has.get("watchTrades"):
                    tasks.create_task(self._repeat(self._follow_trades))
        finally:
            self._begin()
            await self._unwatch()

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        with own_cancellation_only():
            while True:
                await step()

    async def _follow_book(self) -> None:
        try:
            async with asyncio.timeout(FIRST_SECONDS if self._book is None else None):
                book = await self._client.watch_order_book(self._pair, self._depth)
        except TimeoutError:
            raise OutOfStep(f"has had no order book in its first {FIRST_SECONDS} s") from None
        if book["bids"] and book["asks"] and book["bids"][0][0] >= book["asks"][0][0]:
            raise OutOfStep("is crossed")
        self._book, self.stamp_ms = book, book["timestamp"]
        self.book_topic.speak()
        self._changed()

    async def _follow_trades(self) -> None:
        self.prints.extend(map(Print.from_ccxt, await self._client.watch_trades(self._pair)))
        self.trades_topic.speak()

    async def _has_rests_book(self) -> bool:
        rests = await smallest_book(self._client, self._pair)
        return self._book is None or _best(rests) == _best(self._book)

    async def _unwatch(self) -> None:
        """Unsubscribe, so that the next subscription brings a whole book; hang up where that fails."""
        for ws in list(self._client.clients.values()):
            watched = [name for name in ws.subscriptions if name.endswith(f":{self._pair}")]
            try:
                async with asyncio.timeout(HANG_UP_SECONDS):
                    for name in watched:
                        await self._unsubscribe("trade" in name)
            except (ccxt.BaseError, TimeoutError):
                await hang_up(self._client, ws.url)
        self._client.orderbooks.pop(self._pair, None)
        self._client.trades.pop(self._pair, None)

    async def _unsubscribe(self, is_trades: bool) -> None:
        if is_trades:
            await self._client.un_watch_trades(self._pair)
        else:
            # ccxt assumes another depth at the end of a subscription than at its start (4.5.90, pro/bybit.py)
            params = {"limit": self._depth} if self._client.id == "bybit" else {}
            await self._client.un_watch_order_book(self._pair, params)

    def seconds_silent(self) -> float:
        return seconds_silent(list(self._client.clients.values()))

    def levels(self, depth: int) -> tuple[Levels, Levels] | None:
        book = self._book
        if book is None or not all(self._is_known(book[side], depth) for side in ("bids", "asks")):
            return None
        bids, asks = ([(level[0], level[1]) for level in book[side][:depth]] for side in ("bids", "asks"))
        return bids, asks

    def _is_known(self, side: Levels, depth: int) -> bool:
        return len(side) >= depth or (self._depth is not None and 0 < len(side) < self._depth)


def _best(book: Mapping[str, Any]) -> list[list[float]]:
    return [level[:2] for side in ("bids", "asks") for level in book[side][:BOOK_LEVELS]]


def check_sequence(client: Any) -> None:
    """
    Reject a book of Bybit that lacks a difference; ccxt.pro does not check (4.5.90).

    The numbers `u` are consecutive, but for a whole book that begins them anew
    (https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook).
    """
    parse, numbers = client.handle_message, WeakKeyDictionary[Any, dict[str, int]]()

    def handle_message(ws: Any, message: Any) -> None:
        if isinstance(message, dict) and message.get("topic", "").startswith("orderbook."):
            data, seen = message["data"], numbers.setdefault(ws, {})
            number, before = data["u"], seen.get(message["topic"])
            seen[message["topic"]] = number
            if message["type"] == "delta" and before is not None and number > before + 1:
                kind = "spot" if "spot" in ws.url else "contract"
                pair = client.safe_market(data["s"], None, None, kind)["symbol"]
                gap = f"has a gap: update {before + 1} expected, the next difference is {number}"
                # before ccxt updates the book: those who wait for it must not get the wrong one
                ws.reject(OutOfStep(gap), f"orderbook:{pair}")
                return
        parse(ws, message)

    client.handle_message = handle_message
