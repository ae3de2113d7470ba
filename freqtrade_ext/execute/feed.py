"""Live books and trades by WebSocket, through ccxt.pro, for the pairs that the bot looks at."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

import ccxt
from freqtrade.exchange import Exchange
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.execute.book import BadBook, Book, Level, splice
from freqtrade_ext.execute.engine import Cursor
from freqtrade_ext.execute.resting import Print

logger = logging.getLogger(__name__)

T = TypeVar("T")

FORGET_SECONDS = 300
"""a pair that nobody asked about for this long is no longer followed"""
SILENT_BOOK_MS = 3000
"""a book that stays behind the best bid/ask stream for this long has lost its own stream"""
FILL_WAIT_SECONDS = 0.15
"""how long a fill waits for news stamped after the order's arrival; Binance sends differences each 100 ms"""
PRINTS_KEPT = 5000
SPLICE_MARGIN = 20
"""levels that a newer best bid/ask may take away at most"""
RETRY_SECONDS = (1, 2, 5, 10, 30)
CLOCK_SECONDS = 600


class Alarm(NamedTuple):
    """Rates between which nobody needs to be woken; the bid counts for longs, the ask for shorts."""

    is_short: bool
    low: float
    high: float


@dataclass(slots=True)
class _Watched:
    """What is known of one pair; touched by the feed's own thread only."""

    asked: float
    """monotonic seconds of the last question about the pair"""
    book: Any = None
    """ccxt's order book; None while it is not in step with the exchange"""
    top: Mapping[str, Any] | None = None
    """ccxt's best bid/ask"""
    behind_since_ms: int | None = None
    """since when the best bid/ask is newer than the book"""
    behind_nonce: int | None = None
    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=PRINTS_KEPT))
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Feed:
    """
    Follows the pairs it is asked about, in a thread of its own.

    Every answer is None where REST must serve: before the streams are in step, after silence, a gap, a
    crossed book or a disagreement with the best bid/ask, and where a venue lacks a stream.
    """

    def __init__(self, exchange: Exchange, fresh_ms: float) -> None:
        """:param fresh_ms: the connection counts as alive for this long after the last message."""
        self._client = _new_client(exchange)
        self._is_binance = exchange.id == "binance"
        self._contract_size: Callable[[str], float | None] = exchange.get_contract_size
        self._fresh_ms = fresh_ms
        self._clock_offset_ms: float | None = None
        self._watched: dict[str, _Watched] = {}
        self._heard = 0.0
        self._alarms: dict[str, Alarm] = {}
        self._woken = Event()
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="freqtrade_ext.feed", daemon=True)
        self._thread.start()
        self._clock = asyncio.run_coroutine_threadsafe(self._follow_clock(), self._loop)

    # -- asked by the bot's thread ----------------------------------------------------------------

    def book(self, pair: str, depth: int, not_before_ms: int | None = None) -> Book | None:
        """
        Return the pair's book, `depth` levels a side, or None where REST must serve.

        :param not_before_ms: local clock; only a book that the exchange stamped at or after this time will
            do. Waits for it a little.
        """
        return self._ask(self._book(pair, depth, not_before_ms))

    def top(self, pair: str) -> tuple[float, float] | None:
        """Return (best bid, best ask), or None where REST must serve."""
        book = self.book(pair, 1)
        return (book.bids[0][0], book.asks[0][0]) if book and book.bids and book.asks else None

    def prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        """
        Return the prints since the cursor, oldest first, or None where the stream does not reach back.

        :param since: None asks for just the latest print.
        """
        return self._ask(self._prints(pair, since))

    def wait(self, alarms: Mapping[str, Alarm], seconds: float) -> bool:
        """
        Sleep until a rate leaves its alarm's range, at most this long; True if woken.

        Rates that are outside already do not wake: their order had its chance in the loop before.
        """
        self._woken.clear()
        self._ask(self._arm(dict(alarms)))
        return self._woken.wait(seconds)

    def close(self) -> None:
        """Leave no task, socket or thread behind."""
        if self._closing:
            return
        self._closing = True
        try:
            asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result(timeout=10)
        except Exception as error:  # a dead connection must not keep the bot from stopping
            logger.warning("Closing the live feed: %s: %s", type(error).__name__, error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T | None:
        """Answer in the feed's thread, where nothing changes meanwhile; None if it is busy or gone."""
        if self._closing:
            question.close()
            return None
        answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return answer.result(timeout=1.0)
        except TimeoutError:
            answer.cancel()
            return None

    # -- in the feed's thread -----------------------------------------------------------------------

    async def _book(self, pair: str, depth: int, not_before_ms: int | None) -> Book | None:
        watched = self._watch(pair)
        deadline = time.monotonic() + FILL_WAIT_SECONDS
        while not_before_ms is not None and not self._is_stamped_after(watched, not_before_ms):
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.005)
        if watched.book is None or (time.monotonic() - self._heard) * 1000 > self._fresh_ms:
            return None
        return self._read(pair, watched, depth)

    def _is_stamped_after(self, watched: _Watched, not_before_ms: int) -> bool:
        stamp = watched.book["timestamp"] if watched.book is not None else None
        offset = self._clock_offset_ms
        return stamp is not None and offset is not None and stamp + offset >= not_before_ms

    def _read(self, pair: str, watched: _Watched, depth: int) -> Book | None:
        """Copy the book's first levels, with the best bid/ask on top where that is newer."""
        size = self._contract_size(pair) or 1.0
        # more than asked for, as the splice may take some away
        bids, asks = (
            [(rate, amount * size) for rate, amount, *_ in watched.book[side][: depth + SPLICE_MARGIN]]
            for side in ("bids", "asks")
        )
        top, nonce = watched.top, watched.book["nonce"]
        if self._is_binance and top is not None and nonce is not None:
            top_id = int(top["info"]["u"])
            if top_id > nonce:
                best_bid, best_ask = _top_levels(top, size)
                bids, asks = splice(bids, "buy", best_bid), splice(asks, "sell", best_ask)
            elif top_id == nonce and (bids[0], asks[0]) != _top_levels(top, size):
                self._drop(pair, "disagrees with the best bid/ask of the same update")
                return None
        if len(bids) < depth or len(asks) < depth:
            return None  # what lies beyond the snapshot is unknown
        try:
            return Book(bids[:depth], asks[:depth], _now_ms(), depth)
        except BadBook as error:
            self._drop(pair, str(error))
            return None

    def _drop(self, pair: str, why: str) -> None:
        """Forget the book and reconnect: every stream starts over from a new snapshot."""
        logger.warning("Live book of %s %s: REST serves until it is back in step.", pair, why)
        self._watched[pair].book = None
        self._loop.create_task(self._client.close())

    async def _prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        prints = self._watch(pair).prints
        if not prints or (time.monotonic() - self._heard) * 1000 > self._fresh_ms:
            return None
        if since is None:
            return [prints[-1]]
        if since.time_ms < prints[0].time_ms:
            return None
        return [p for p in prints if p.time_ms >= since.time_ms and p.id not in since.ids]

    async def _arm(self, alarms: dict[str, Alarm]) -> None:
        self._alarms = {}
        for pair, alarm in alarms.items():
            watched = self._watch(pair)
            rate = _rate(watched, alarm)
            if rate is None or alarm.low < rate < alarm.high:
                self._alarms[pair] = alarm

    def _watch(self, pair: str) -> _Watched:
        """Note the interest in a pair, and follow it if nobody did."""
        watched = self._watched.get(pair)
        if watched is None:
            watched = self._watched[pair] = _Watched(asked=0.0)
            streams = {
                "watchOrderBook": self._follow_book,
                "watchBidsAsks": self._follow_top,
                "watchTrades": self._follow_trades,
            }
            for name, follow in streams.items():
                if self._client.has.get(name):
                    watched.tasks.append(self._loop.create_task(self._keep(pair, watched, name, follow)))
        watched.asked = time.monotonic()
        return watched

    async def _keep(
        self, pair: str, watched: _Watched, name: str, follow: Callable[[str, _Watched], Awaitable[None]]
    ) -> None:
        """Follow one stream through disconnects until nobody asks about the pair any more."""
        failures = 0
        while time.monotonic() - watched.asked < FORGET_SECONDS:
            try:
                await follow(pair, watched)
                self._heard = time.monotonic()
                failures = 0
            except (ccxt.BadSymbol, ccxt.NotSupported) as error:
                logger.warning("No live %s of %s: %s", name, pair, error)
                return
            except Exception as error:
                if name == "watchOrderBook":
                    watched.book = None
                if name == "watchTrades":
                    watched.prints.clear()
                if not failures and not self._closing and not isinstance(error, ccxt.ExchangeClosedByUser):
                    logger.warning(
                        "Live %s of %s failed, REST serves meanwhile: %s: %s",
                        name,
                        pair,
                        type(error).__name__,
                        error,
                    )
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
        await self._forget(pair)

    async def _forget(self, pair: str) -> None:
        watched = self._watched.pop(pair, None)
        if watched is None:
            return
        for task in watched.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for name, leave in (
            ("unWatchOrderBook", "un_watch_order_book"),
            ("unWatchBidsAsks", "un_watch_bids_asks"),
            ("unWatchTrades", "un_watch_trades"),
        ):
            if self._client.has.get(name):
                try:
                    await getattr(self._client, leave)([pair] if "Asks" in name else pair)
                except ccxt.BaseError as error:
                    logger.debug("%s %s: %s", leave, pair, error)

    async def _follow_clock(self) -> None:
        """Measure how far the local clock is ahead of the exchange's, to half a round trip."""
        while not self._closing:
            before = _now_ms()
            try:
                exchange_ms = await self._client.fetch_time()
            except ccxt.BaseError as error:
                logger.debug("The exchange's time: %s", error)
                await asyncio.sleep(RETRY_SECONDS[-1])
                continue
            after = _now_ms()
            if self._clock_offset_ms is None:
                logger.info(
                    "Live feed: the local clock is %+.0f ms off the exchange's, known to %.0f ms.",
                    (before + after) / 2 - exchange_ms,
                    (after - before) / 2,
                )
            # the whole round trip on the safe side: better REST than a book from before the arrival
            self._clock_offset_ms = before - exchange_ms
            await asyncio.sleep(CLOCK_SECONDS)

    async def _follow_book(self, pair: str, watched: _Watched) -> None:
        watched.book = await self._client.watch_order_book(pair)
        self._check_alarm(pair, watched)

    async def _follow_top(self, pair: str, watched: _Watched) -> None:
        tops = await self._client.watch_bids_asks([pair])
        watched.top = tops[pair]
        self._check_behind(pair, watched)
        self._check_alarm(pair, watched)

    async def _follow_trades(self, pair: str, watched: _Watched) -> None:
        # REST counts aggregated trades, so that ids fit together
        params = {"name": "aggTrade"} if self._is_binance else {}
        size = self._contract_size(pair) or 1.0
        for trade in await self._client.watch_trades(pair, params=params):
            watched.prints.append(
                Print(
                    str(trade["id"]),
                    trade["timestamp"],
                    trade["price"],
                    trade["amount"] * size,
                    trade["side"],
                )
            )

    def _check_behind(self, pair: str, watched: _Watched) -> None:
        """Notice a book stream that fell silent while the best bid/ask goes on."""
        if not self._is_binance or watched.book is None or watched.top is None:
            return
        nonce = watched.book["nonce"]
        if nonce is None or int(watched.top["info"]["u"]) <= nonce:
            watched.behind_since_ms = None
        elif watched.behind_since_ms is None or nonce != watched.behind_nonce:
            watched.behind_since_ms, watched.behind_nonce = _now_ms(), nonce
        elif _now_ms() - watched.behind_since_ms > SILENT_BOOK_MS:
            watched.behind_since_ms = None
            self._drop(pair, f"fell silent {SILENT_BOOK_MS} ms ago")

    def _check_alarm(self, pair: str, watched: _Watched) -> None:
        alarm = self._alarms.get(pair)
        if alarm is None:
            return
        rate = _rate(watched, alarm)
        if rate is not None and not alarm.low < rate < alarm.high:
            del self._alarms[pair]
            self._woken.set()

    async def _shut_down(self) -> None:
        tasks = [task for watched in self._watched.values() for task in watched.tasks]
        self._clock.cancel()
        for task in tasks:
            task.cancel()
        await self._client.close()
        await asyncio.gather(*tasks, return_exceptions=True)


def _rate(watched: _Watched, alarm: Alarm) -> float | None:
    """The rate that the position would be sold at, from the newest of the streams."""
    side = "ask" if alarm.is_short else "bid"
    if watched.top is not None:
        return watched.top[side]
    levels = watched.book[side + "s"] if watched.book is not None else []
    return levels[0][0] if levels else None


def _top_levels(top: Mapping[str, Any], size: float) -> tuple[Level, Level]:
    return (top["bid"], top["bidVolume"] * size), (top["ask"], top["askVolume"] * size)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_client(exchange: Exchange) -> Any:
    """Make a ccxt.pro client as freqtrade makes its own (2026.9, Exchange.__init__)."""
    config = exchange._config["exchange"]
    settings = deep_merge_dicts(config.get("ccxt_config", {}), exchange._ccxt_config)
    settings = deep_merge_dicts(config.get("ccxt_async_config", {}), settings)
    client = type(exchange._api_async)(deep_merge_dicts(exchange._ccxt_params, settings))
    client.set_markets(exchange._api.markets, exchange._api.currencies)
    return client
