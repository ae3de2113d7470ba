"""Binance's book and trades of a pair, made of its raw messages."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice, takewhile
from typing import Any

import ccxt

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.feed.rest import has_no_newer_trade, smallest_book
from freqtrade_ext.feed.sockets import hang_up, own_cancellation_only, seconds_silent, stream_urls
from freqtrade_ext.feed.streams import (
    BOOK_SECONDS,
    PRINTS_KEPT,
    QUIET_SECONDS,
    TRADES_SECONDS,
    Levels,
    OutOfStep,
    Topic,
)
from freqtrade_ext.fills.book import BuySell, Level
from freqtrade_ext.fills.queue import Print

logger = logging.getLogger(__name__)

SNAPSHOT_LEVELS = 1000
"""per side; Binance charges weight 50, and 250 for 5000"""
SNAPSHOT_PAUSE_SECONDS = 0.5
SNAPSHOT_RETRY_SECONDS = 5
FIRST_MESSAGE_SECONDS = 3
"""a stream that says nothing for this long after its start is taken for that of a calm pair"""
RENEW_BELOW_LEVELS = 500
"""known levels left on a side at which another snapshot is fetched, while the book serves on"""
RENEW_SECONDS = 1


class BinanceStreams:
    """
    Differences, best bid/ask and aggregated trades, of which the `LocalBook` is made that fidelity measures.

    ccxt.pro opens and guards the connection, but its order book (4.5.90) is not used: it cuts off what lies
    beyond 1000 levels and shows a hole there once the market comes near, and like any local book it does
    not know what lay beyond its snapshot. On ten recorded minutes of BTCUSDT it differed from the whole
    book within 20 levels in 3 of 6492 updates, within 100 in 44, within 1000 in nearly all, and after ten
    minutes the market had left the snapshot's range (ccxt issue 28466 calls this drift). Here levels
    outside the range of the last snapshot are not served, and the snapshot is renewed in time.
    """

    def __init__(self, client: Any, pair: str, changed: Callable[[], None]) -> None:
        """
        :param client: made by `raw_client`.
        :param changed: is called after each change of the book.
        """
        self._client, self._pair, self._changed = client, pair, changed
        market = client.market(pair)
        self._id, self._urls = market["id"], stream_urls(client, market)
        self._begin()

    def _begin(self) -> None:
        self.prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        self.stamp_ms: int | None = None
        self._book: LocalBook | None = None
        self._joining: LocalBook | None = None
        self._worst: dict[BuySell, float | None] = {}
        self._flowing = asyncio.Event()
        self._best_late_since: float | None = None
        self.book_topic = Topic("difference", BOOK_SECONDS, self._has_rests_book)
        is_complete = has_no_newer_trade(self._client, self._pair, self.prints)
        self.trades_topic = Topic("trade", TRADES_SECONDS, is_complete)

    async def follow(self) -> None:
        self._begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                for url in self._urls:
                    tasks.create_task(self._listen(url))
                tasks.create_task(self._stay_in_range())
        finally:
            self._begin()

    async def _listen(self, url: str) -> None:
        self._client.listeners[url] = self._hear
        try:
            with own_cancellation_only():
                await self._client.watch_multiple(url, [url])
        finally:
            del self._client.listeners[url]
            await hang_up(self._client, url)

    def _hear(self, message: Mapping[str, Any]) -> None:
        """:raises OutOfStep: which ends the connection."""
        data = message.get("data")
        if data is None:
            raise OutOfStep(f"was told {message}")
        if data.get("s", self._id) != self._id:
            raise OutOfStep(f"was told of {data['s']}")
        self._flowing.set()
        if "U" in data:
            self._hear_diff(data)
        elif data.get("e") == "aggTrade":
            self._hear_trade(data)
        elif "B" in data:
            self._hear_best(data)

    def _hear_diff(self, data: Mapping[str, Any]) -> None:
        # futures number updates with holes, and name the last id of the difference before
        first_id = data["pu"] + 1 if "pu" in data else data["U"]
        # as ccxt gives the snapshot, so that one level cannot be in the book under two spellings
        bids, asks = ([_level(rate, amount) for rate, amount in data[side]] for side in "ba")
        if self._joining is not None:
            self._joining.diff(first_id, data["u"], bids, asks)
        book = self._book
        if book is None:
            return
        if not book.diff(first_id, data["u"], bids, asks):
            raise OutOfStep(f"has a {book.lost}")
        if data["u"] == book.update_id:
            self.stamp_ms = data["E"]
            self.book_topic.speak()
        self._expect_best(book)
        self._check(book)

    def _hear_best(self, data: Mapping[str, Any]) -> None:
        top = Top(data["u"], *_level(data["b"], data["B"]), *_level(data["a"], data["A"]))
        if self._joining is not None:
            self._joining.best(top)
        book = self._book
        if book is None:
            return
        book.best(top)
        self._best_late_since = None
        self._check(book)

    def _hear_trade(self, data: Mapping[str, Any]) -> None:
        if self.prints:
            last_id = int(self.prints[-1].id)
            if data["a"] <= last_id:
                return
            if data["a"] > last_id + 1:
                self.prints.clear()
        side: BuySell = "sell" if data["m"] else "buy"
        self.prints.append(Print(str(data["a"]), data["T"], *_level(data["p"], data["q"]), side))
        self.trades_topic.speak()

    def _expect_best(self, book: LocalBook) -> None:
        """:raises OutOfStep: differences change the best level, and its own stream has long said nothing."""
        if book.top is None or book.own_top()[1:] == book.top[1:]:
            self._best_late_since = None
        elif self._best_late_since is None:
            self._best_late_since = time.monotonic()
        elif time.monotonic() - self._best_late_since > QUIET_SECONDS:
            raise OutOfStep(f"has had no best bid and ask for {QUIET_SECONDS:g} s while they move")

    async def _has_rests_book(self) -> bool:
        update_id = (await smallest_book(self._client, self._pair))["nonce"]
        return self._book is None or update_id <= self._book.update_id

    def _check(self, book: LocalBook) -> None:
        if book.is_crossed:
            raise OutOfStep("is crossed")
        top = book.top
        if top is not None and top.update_id == book.update_id:
            for side in ("buy", "sell"):
                own = next(book.levels_under(None, side), None)
                if own != top.level(side) and top.level(side)[1]:
                    raise OutOfStep(f"has {own} for {side}ers at update {top.update_id}, the best is {top}")
        self._changed()

    async def _stay_in_range(self) -> None:
        """Join the differences with a snapshot, and again before the market leaves its range."""
        try:
            async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                await self._flowing.wait()
        except TimeoutError:
            logger.debug("%s is calm", self._pair)
        while True:
            await self._join()
            await asyncio.sleep(RENEW_SECONDS)
            while not any(self._is_at_edge(side) for side in ("buy", "sell")):
                await asyncio.sleep(RENEW_SECONDS)

    async def _join(self) -> None:
        joining = self._joining = LocalBook()
        while joining.lost is not None:
            snapshot = await self._snapshot()
            joining.snapshot(snapshot["nonce"], snapshot["bids"], snapshot["asks"])
            if joining.lost is not None:
                await asyncio.sleep(SNAPSHOT_PAUSE_SECONDS)
        joining.best(joining.own_top())
        if self._book is not None and self._book.top is not None:
            joining.best(self._book.top)
        self._book, self._joining = joining, None
        self._worst = {"sell": _worst(snapshot["bids"]), "buy": _worst(snapshot["asks"])}

    async def _snapshot(self) -> Mapping[str, Any]:
        """Ask until there is one: a failure of REST is no reason to give up a book that is in step."""
        while True:
            try:
                snapshot: Mapping[str, Any] = await self._client.fetch_order_book(self._pair, SNAPSHOT_LEVELS)
                # ccxt makes an empty book of an answer that is garbage
                if snapshot["nonce"] is not None:
                    return snapshot
                logger.debug("%s: the snapshot is empty", self._pair)
            except (ccxt.BadSymbol, ccxt.NotSupported):
                raise
            except ccxt.BaseError as error:
                logger.debug("%s: no snapshot: %s", self._pair, error)
            await asyncio.sleep(SNAPSHOT_RETRY_SECONDS)

    def seconds_silent(self) -> float:
        return seconds_silent(ws for url in self._urls if (ws := self._client.clients.get(url)))

    def levels(self, depth: int) -> tuple[Levels, Levels] | None:
        bids, asks = self._known("sell", depth), self._known("buy", depth)
        return (bids, asks) if bids and asks else None

    def _known(self, side: BuySell, depth: int) -> list[Level]:
        """The first levels that an order of this side takes from; none where fewer than `depth` are known."""
        if self._book is None:
            return []
        levels, worst = self._book.levels(side), self._worst[side]
        if worst is None:
            return list(islice(levels, depth))
        inside = takewhile(lambda level: level[0] >= worst if side == "sell" else level[0] <= worst, levels)
        known = list(islice(inside, depth))
        return known if len(known) == depth else []

    def _is_at_edge(self, side: BuySell) -> bool:
        """Return whether the market has used up much of what the snapshot held."""
        return self._worst[side] is not None and not self._known(side, RENEW_BELOW_LEVELS)


def _level(rate: str, amount: str) -> Level:
    """
    Read what the exchange wrote; an empty side's best level is 0 x 0.

    :raises OutOfStep: it cannot be true, and NaN would put a whole book out of order.
    """
    level = float(rate), float(amount)
    if not (0 <= level[0] < math.inf and 0 <= level[1] < math.inf):
        raise OutOfStep(f"was told the level {rate} x {amount}")
    return level


def _worst(levels: Levels) -> float | None:
    """Rate beyond which a snapshot knows nothing; None where it holds the whole side."""
    return levels[-1][0] if len(levels) >= SNAPSHOT_LEVELS else None
