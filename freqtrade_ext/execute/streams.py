"""One pair's book and trades by WebSocket, through ccxt.pro's connections."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from typing import Any, Protocol

import ccxt

from freqtrade_ext.execute.book import BuySell, Level
from freqtrade_ext.execute.local_book import LocalBook, Top
from freqtrade_ext.execute.resting import Print

logger = logging.getLogger(__name__)

PRINTS_KEPT = 5000
SNAPSHOT_LEVELS = 1000
"""per side; Binance charges weight 50, and 250 for 5000"""
SNAPSHOT_PAUSE_SECONDS = 0.5
SNAPSHOT_RETRY_SECONDS = 5
FIRST_MESSAGE_SECONDS = 3
"""a stream that says nothing for this long after its start is taken for that of a calm pair"""
RENEW_BELOW_LEVELS = 500
"""known levels left on a side at which another snapshot is fetched, while the book serves on"""
SILENT_SECONDS = 3
"""other streams tell of changes for this long, and the differences do not"""
RENEW_SECONDS = 1
HANG_UP_SECONDS = 2

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
        self._urls = _stream_urls(client, client.market(pair))
        self._begin()

    def _begin(self) -> None:
        self.prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        self.stamp_ms: int | None = None
        self._book: LocalBook | None = None
        self._joining: LocalBook | None = None
        self._worst: dict[BuySell, float | None] = {}
        self._flowing = asyncio.Event()
        self._news_since: float | None = None

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
        bids, asks = ([(float(rate), float(amount)) for rate, amount in data[side]] for side in "ba")
        if self._joining is not None:
            self._joining.diff(first_id, data["u"], bids, asks)
        book = self._book
        if book is None:
            return
        if not book.diff(first_id, data["u"], bids, asks):
            raise OutOfStep(f"has a {book.lost}")
        if data["u"] == book.update_id:
            self.stamp_ms, self._news_since = data["E"], None
        self._check(book)

    def _hear_best(self, data: Mapping[str, Any]) -> None:
        top = Top(data["u"], *(float(data[name]) for name in "bBaA"))
        if self._joining is not None:
            self._joining.best(top)
        book = self._book
        if book is None:
            return
        book.best(top)
        if top.update_id > book.update_id:
            self._expect_diff()
        self._check(book)

    def _hear_trade(self, data: Mapping[str, Any]) -> None:
        if self.prints:
            last_id = int(self.prints[-1].id)
            if data["a"] <= last_id:
                return
            if data["a"] > last_id + 1:
                self.prints.clear()
        side: BuySell = "sell" if data["m"] else "buy"
        self.prints.append(Print(str(data["a"]), data["T"], float(data["p"]), float(data["q"]), side))
        if self.stamp_ms is not None and data["T"] > self.stamp_ms:
            self._expect_diff()

    def _expect_diff(self) -> None:
        now = time.monotonic()
        if self._news_since is None:
            self._news_since = now
        elif now - self._news_since > SILENT_SECONDS:
            raise OutOfStep(f"has had no difference for {SILENT_SECONDS} s while the market moves")

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
        # ccxt asks for a sign of life often enough, see `raw_client`
        heard = [ws.last_message_at or 0 for url in self._urls if (ws := self._client.clients.get(url))]
        return time.time() - min(heard, default=0) / 1000

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
        """Whether the market has used up much of what the snapshot told."""
        return self._worst[side] is not None and not self._known(side, RENEW_BELOW_LEVELS)


def _worst(levels: Levels) -> float | None:
    """Rate beyond which a snapshot knows nothing; None where it holds the whole side."""
    return levels[-1][0] if len(levels) >= SNAPSHOT_LEVELS else None


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
        for t in await self._client.watch_trades(self._pair):
            self.prints.append(Print(str(t["id"]), t["timestamp"], t["price"], t["amount"], t["side"]))

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


def raw_client(client: Any, ping_seconds: float, dead_seconds: float) -> Any:
    """
    Let a ccxt.pro client of Binance hand over messages as they come, by url in `client.listeners`.

    :param ping_seconds: ccxt pings every three minutes, so a dead line would look like a calm market.
    :param dead_seconds: without a sign of life; the connection is closed then.
    """
    parse, client.listeners = client.handle_message, {}

    def handle_message(ws: Any, message: Any) -> None:
        listener = client.listeners.get(ws.url)
        try:
            (listener or parse)(*((message,) if listener else (ws, message)))
        except Exception as error:  # ccxt would stop to listen without telling anybody
            ws.on_error(error)

    client.handle_message = handle_message
    pings = {"keepAlive": ping_seconds * 1000, "maxPingPongMisses": dead_seconds / ping_seconds}
    client.streaming = client.streaming | pings
    return client


def _stream_urls(client: Any, market: Mapping[str, Any]) -> list[str]:
    """Spell the combined streams' urls; futures have their trades elsewhere (ccxt 4.5.90, binance.py)."""
    kind = "linear" if market["linear"] else "inverse" if market["inverse"] else "spot"
    urls: dict[str, list[str]] = {}
    for channel, stream in (("depth", "depth@100ms"), ("bookTicker", "bookTicker"), ("aggTrade", "aggTrade")):
        base = client.get_ws_url(kind, client.get_future_ws_category(channel))
        urls.setdefault(combined_url(base), []).append(f"{market['lowercaseId']}@{stream}")
    return [base + "/".join(streams) for base, streams in urls.items()]


def combined_url(base: str) -> str:
    """Turn ccxt's url of Binance's single streams into that of combined ones, but for their names."""
    return base.removesuffix("/ws").removesuffix("/stream") + "/stream?streams="


async def hang_up(client: Any, url: str) -> None:
    """Close one of a ccxt.pro client's connections."""
    ws = client.clients.pop(url, None)
    if ws is None:
        return
    try:
        async with asyncio.timeout(HANG_UP_SECONDS):
            if ws.connecting:  # ccxt dials in a task of its own, which would go on
                await ws.connected
            await ws.close()
    except (ccxt.BaseError, TimeoutError):
        pass  # a dead line has nobody to answer


@contextmanager
def own_cancellation_only() -> Iterator[None]:
    """Tell the end of a task from a connection that ccxt closed, which cancels what waits for it."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ccxt.NetworkError("the connection was closed") from None
