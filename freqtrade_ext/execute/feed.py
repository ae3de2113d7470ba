"""Live books and trades for the pairs that the bot looks at, in a thread of their own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

import ccxt
from freqtrade.exchange import Exchange
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.execute.book import BadBook, Book
from freqtrade_ext.execute.market import Cursor
from freqtrade_ext.execute.resting import Print
from freqtrade_ext.execute.streams import OutOfStep, Streams
from freqtrade_ext.execute.streams.binance import BinanceStreams
from freqtrade_ext.execute.streams.sockets import raw_client
from freqtrade_ext.execute.streams.unified import UnifiedStreams

logger = logging.getLogger(__name__)

T = TypeVar("T")

FORGET_SECONDS = 300
"""a pair that nobody asked about for this long is no longer followed"""
TIDY_SECONDS = 5
FILL_WAIT_SECONDS = 0.15
"""how long a fill waits for news stamped after the order's arrival; Binance sends differences each 100 ms"""
RETRY_SECONDS = (1, 2, 5, 10, 30)
CLOCK_SECONDS = 600
REPEAT_SECONDS = 1.0
"""an alarm wakes once within this time, so that an exit which cannot be made does not keep the bot busy"""
PING_SECONDS = 0.25
"""at least; Binance disconnects who sends more than five messages a second, pings among them"""
DEAD_SECONDS = 3.0
ANSWER_SECONDS = 1.0
CLOSE_SECONDS = 10


class Alarm(NamedTuple):
    """Rates between which nobody needs to be woken; the bid counts for longs, the ask for shorts."""

    is_short: bool
    low: float
    high: float


@dataclass(slots=True)
class _Watched:
    """A pair that is followed; touched by the feed's own thread only."""

    asked: float
    """monotonic seconds of the last question about the pair"""
    streams: Streams | None = None
    """None where the venue or the pair has none"""
    task: asyncio.Task[None] | None = None
    is_lost: bool = False
    """said in the log that REST serves"""


class Feed:
    """
    Follows the pairs it is asked about.

    Every answer is None where REST must serve: before the streams are in step, after silence, a gap, a
    crossed book or a disagreement with the best bid/ask, and where a venue lacks a stream.
    """

    def __init__(self, exchange: Exchange, fresh_ms: float) -> None:
        """:param fresh_ms: a connection counts as alive for this long after its last sign of life."""
        self._exchange = exchange
        self._client = _new_client(exchange)
        self._streams: Callable[[Any, str, Callable[[], None]], Streams] = UnifiedStreams
        if exchange.id == "binance":
            ping_seconds = max(fresh_ms / 2000, PING_SECONDS)
            raw_client(self._client, ping_seconds, max(DEAD_SECONDS, 3 * ping_seconds))
            self._streams = BinanceStreams
        self._fresh_seconds = fresh_ms / 1000
        self._clock_offset_ms: float | None = None
        self._watched: dict[str, _Watched] = {}
        self._alarms: dict[str, Alarm] = {}
        self._woke: dict[str, tuple[Alarm, float]] = {}
        self._woken = Event()
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="freqtrade_ext.feed", daemon=True)
        self._thread.start()
        chores = (self._follow_clock(), self._tidy())
        self._chores = [asyncio.run_coroutine_threadsafe(chore, self._loop) for chore in chores]

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
        return (book.bids[0][0], book.asks[0][0]) if book else None

    def prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        """
        Return the prints since the cursor, oldest first, or None where the stream does not reach back.

        :param since: None asks for just the latest print, and those of the same millisecond.
        """
        return self._ask(self._prints(pair, since))

    def wait(self, alarms: Mapping[str, Alarm], seconds: float) -> bool:
        """
        Sleep until a rate leaves its alarm's range, at most this long; True if woken.

        A rate that is outside already wakes at once, but the same alarm only once a second.
        """
        self._woken.clear()
        self._ask(self._arm(dict(alarms)))
        is_woken = self._woken.wait(0 if self._closing else seconds)
        if not self._closing:
            # one that rings while the bot is at work must not count as having woken it
            self._loop.call_soon_threadsafe(self._alarms.clear)
        return is_woken

    def close(self) -> None:
        """Leave no task, socket or thread behind."""
        if self._closing:
            return
        self._closing = True
        self._woken.set()
        try:
            asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result(timeout=CLOSE_SECONDS)
        except Exception as error:  # a dead connection must not keep the bot from stopping
            logger.warning("Closing the live feed: %s: %s", type(error).__name__, error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T | None:
        """Answer in the feed's thread, where nothing changes meanwhile; None if it is busy or gone."""
        if self._closing:
            question.close()
            return None
        answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return answer.result(timeout=ANSWER_SECONDS)
        except TimeoutError:
            answer.cancel()
        except Exception:  # the bot has REST, and must not end for want of a feed
            logger.exception("The live feed failed, REST serves.")
        return None

    # -- in the feed's thread -----------------------------------------------------------------------

    async def _book(self, pair: str, depth: int, not_before_ms: int | None) -> Book | None:
        streams = self._live(pair)
        deadline = time.monotonic() + FILL_WAIT_SECONDS
        while streams is not None and not self._is_after(streams, not_before_ms):
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.005)
        # it may have been lost while we waited
        levels = streams.levels(depth) if streams is not None else None
        if streams is None or levels is None:
            return None
        size = self._exchange.get_contract_size(pair) or 1.0
        bids, asks = ([(rate, amount * size) for rate, amount in side] for side in levels)
        try:
            return Book(bids, asks, self._local_ms(streams) or _now_ms(), depth)
        except BadBook as error:
            logger.warning("Live book of %s %s: REST serves.", pair, error)
            return None

    def _is_after(self, streams: Streams, not_before_ms: int | None) -> bool:
        if not_before_ms is None:
            return True
        stamp_ms = self._local_ms(streams)
        return stamp_ms is not None and stamp_ms >= not_before_ms

    def _local_ms(self, streams: Streams) -> int | None:
        """Time of the book by the local clock, rather too early than too late; None where it is unknown."""
        if streams.stamp_ms is None or self._clock_offset_ms is None:
            return None
        return int(streams.stamp_ms + self._clock_offset_ms)

    async def _prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        streams = self._live(pair)
        if streams is None or not streams.prints:
            return None
        prints, size = streams.prints, self._exchange.get_contract_size(pair) or 1.0
        if since is None:
            wanted = [p for p in prints if p.time_ms == prints[-1].time_ms]
        # of the oldest print's millisecond there may have been others before
        elif since.time_ms <= prints[0].time_ms:
            return None
        else:
            wanted = [p for p in prints if p.time_ms >= since.time_ms and p.id not in since.ids]
        return [p._replace(amount=p.amount * size) for p in wanted]

    def _live(self, pair: str) -> Streams | None:
        """The pair's streams if their connection is alive; notes the interest, and follows a new pair."""
        watched = self._watched.get(pair)
        if watched is None:
            watched = self._watched[pair] = _Watched(asked=0.0)
            watched.task = self._loop.create_task(self._keep(pair, watched))
        watched.asked = time.monotonic()
        streams = watched.streams
        return streams if streams and streams.seconds_silent() < self._fresh_seconds else None

    async def _keep(self, pair: str, watched: _Watched) -> None:
        """Follow a pair through disconnects; the task is cancelled when nobody asks any more."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                if pair not in self._client.markets:  # freqtrade may have heard of it since
                    self._client.set_markets_from_exchange(self._exchange._api)
                watched.streams = self._streams(self._client, pair, lambda: self._changed(pair, watched))
                await watched.streams.follow()
            except Exception as error:
                cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                watched.streams = None
                self._say_lost(pair, watched, cause)
                if isinstance(cause, (ccxt.BadSymbol, ccxt.NotSupported)):
                    return
            failures = 0 if time.monotonic() - started > RETRY_SECONDS[-1] else failures
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    def _say_lost(self, pair: str, watched: _Watched, cause: Exception) -> None:
        """Once, until the book is in step again."""
        why = str(cause) if isinstance(cause, OutOfStep) else f"failed ({type(cause).__name__}: {cause})"
        level = logging.DEBUG if watched.is_lost else logging.WARNING
        logger.log(level, "Live book of %s %s: REST serves until it is in step.", pair, why)
        watched.is_lost = True

    def _changed(self, pair: str, watched: _Watched) -> None:
        """Called by the streams after each change of a book that is in step."""
        if watched.is_lost:
            watched.is_lost = False
            logger.info("Live book of %s is in step again.", pair)
        if pair in self._alarms:
            self._check_alarm(pair, watched)

    async def _arm(self, alarms: dict[str, Alarm]) -> None:
        self._alarms.clear()
        now = time.monotonic()
        for pair, alarm in alarms.items():
            self._live(pair)
            woke = self._woke.get(pair)
            if woke is None or woke[0] != alarm or now - woke[1] > REPEAT_SECONDS:
                self._alarms[pair] = alarm
                self._check_alarm(pair, self._watched[pair])

    def _check_alarm(self, pair: str, watched: _Watched) -> None:
        alarm = self._alarms[pair]
        levels = watched.streams.levels(1) if watched.streams else None
        if levels is None:
            return
        rate = levels[1 if alarm.is_short else 0][0][0]
        if not alarm.low < rate < alarm.high:
            del self._alarms[pair]
            self._woke[pair] = (alarm, time.monotonic())
            self._woken.set()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            for pair, watched in list(self._watched.items()):
                if time.monotonic() - watched.asked > FORGET_SECONDS:
                    del self._watched[pair]
                    self._woke.pop(pair, None)
                    if watched.task is not None:
                        watched.task.cancel()

    async def _follow_clock(self) -> None:
        """Measure how far the local clock is ahead of the exchange's, to half a round trip."""
        while True:
            before = _now_ms()
            try:
                exchange_ms = await self._client.fetch_time()
            except Exception as error:  # fills are left to REST until it is known
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

    async def _shut_down(self) -> None:
        tasks = [watched.task for watched in self._watched.values() if watched.task]
        for chore in self._chores:
            chore.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()
        # what ccxt has started, such as its pings
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_client(exchange: Exchange) -> Any:
    """Make a ccxt.pro client as freqtrade makes its own (2026.9, Exchange.__init__)."""
    config = exchange._config["exchange"]
    settings = deep_merge_dicts(config.get("ccxt_config", {}), exchange._ccxt_config)
    settings = deep_merge_dicts(config.get("ccxt_async_config", {}), settings)
    client = type(exchange._api_async)(deep_merge_dicts(exchange._ccxt_params, settings))
    client.set_markets_from_exchange(exchange._api)
    return client
