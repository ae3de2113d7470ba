"""Live books and trades for the pairs that the bot looks at, in a thread of their own."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from threading import Thread
from typing import Any, TypeVar

from freqtrade_ext.feed.alarms import Alarm, Alarms
from freqtrade_ext.feed.clock import ExchangeClock, now_ms
from freqtrade_ext.feed.following import Following
from freqtrade_ext.feed.kept import KeptBooks
from freqtrade_ext.feed.streams import QUIET_SECONDS, Streams
from freqtrade_ext.fills.book import BadBook, Book
from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.fills.queue import Print

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILL_WAIT_SECONDS = 0.15
"""
how much longer than a request to REST a fill waits for news stamped after the order's arrival; Binance sends
differences each 100 ms
"""
ANSWER_SECONDS = 1.0
CLOSE_SECONDS = 10


class Feed:
    """
    Follows the pairs it is asked about.

    Every answer is None where REST must serve: before the streams are in step, after silence, a gap, a
    crossed book or a disagreement with the best bid/ask or with REST (`proof`), and where a venue lacks a
    stream.
    """

    def __init__(self, client: Any, fresh_ms: float, update_markets: Callable[[Any], None]) -> None:
        """
        :param client: of ccxt.pro, with its markets; the feed closes it.
        :param fresh_ms: a connection counts as alive for this long after its last sign of life.
        :param update_markets: gives the client the markets known by now.
        """
        self._client = client
        self._alarms = Alarms(self._top)
        self._clock = ExchangeClock(self._client)
        self._following = Following(
            client, fresh_ms / 1000, self._changed, self._alarms.lose, update_markets, self._clock.local_ms
        )
        self._kept = KeptBooks(self._read)
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="freqtrade_ext.feed", daemon=True)
        self._thread.start()
        chores = (self._clock.follow(), self._following.tidy())
        self._chores = [asyncio.run_coroutine_threadsafe(chore, self._loop) for chore in chores]

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

    def books(self, pair: str, depth: int, since_ms: int | None) -> list[Book] | None:
        """
        Return the book after each difference that the exchange stamped later than this, oldest first.

        Differences are kept from the first question on, and for as long as it is repeated.
        """
        return self._ask(self._books(pair, depth, since_ms))

    def prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        """
        Return the prints since the cursor, oldest first, or None where the stream does not reach back.

        :param since: None asks for just the latest print, and those of the same millisecond.
        """
        return self._ask(self._prints(pair, since))

    def round_trips_ms(self) -> tuple[float, ...]:
        """Return what the last requests to the exchange took, there and back; empty before the first."""
        return self._clock.round_trips_ms

    def is_trading(self, pair: str) -> bool:
        """Return whether there was a trade within the last two seconds."""
        return bool(self._ask(self._is_trading(pair)))

    def wait(self, alarms: Mapping[str, Alarm], seconds: float) -> bool:
        """
        Sleep until a rate leaves its alarm's range, at most this long; True if woken.

        A rate that is outside already wakes at once, but the same alarm only once a second.
        """
        self._alarms.woken.clear()
        self._ask(self._arm(dict(alarms)))
        is_woken = self._alarms.woken.wait(0 if self._closing else seconds)
        if not self._closing:
            # one that rings while the bot is at work must not count as having woken it
            self._loop.call_soon_threadsafe(self._alarms.clear)
        return is_woken

    def close(self) -> None:
        """Leave no task, socket or thread behind."""
        if self._closing:
            return
        self._closing = True
        self._alarms.woken.set()
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

    async def _book(self, pair: str, depth: int, not_before_ms: int | None) -> Book | None:
        streams = self._following.live(pair)
        patience = FILL_WAIT_SECONDS + self._clock.round_trip_ms / 1000
        if streams is not None and not self._is_after(streams, not_before_ms):
            patience = patience if self._seconds_to_news(streams) <= patience else 0.0
        deadline = time.monotonic() + patience
        while streams is not None and not self._is_after(streams, not_before_ms):
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(0.005)
        # it may have been lost while we waited
        return self._read(pair, depth) if streams is not None else None

    def _read(self, pair: str, depth: int) -> Book | None:
        streams = self._following.streams(pair)
        levels = streams.levels(depth) if streams is not None else None
        if streams is None or levels is None:
            return None
        size = self._contract_size(pair)
        bids, asks = ([(rate, amount * size) for rate, amount in side] for side in levels)
        local_ms = self._clock.local_ms(streams.stamp_ms) or now_ms()
        try:
            return Book(bids, asks, local_ms, depth, stamp_ms=streams.stamp_ms)
        except BadBook as error:
            logger.warning("Live book of %s %s: REST serves.", pair, error)
            return None

    async def _books(self, pair: str, depth: int, since_ms: int | None) -> list[Book]:
        return self._kept.since(pair, depth, since_ms)

    def _is_after(self, streams: Streams, not_before_ms: int | None) -> bool:
        if not_before_ms is None:
            return True
        stamp_ms = self._clock.local_ms(streams.stamp_ms)
        return stamp_ms is not None and stamp_ms >= not_before_ms

    def _seconds_to_news(self, streams: Streams) -> float:
        """Return in how long a book that is stamped from now on may be expected; infinite where never."""
        stamp_ms = self._clock.local_ms(streams.stamp_ms)
        if stamp_ms is None:
            return math.inf
        topic = streams.book_topic
        lag = (now_ms() - stamp_ms) / 1000 - (time.monotonic() - topic.told)
        return topic.seconds_to_next(max(lag, 0.0))

    async def _is_trading(self, pair: str) -> bool:
        streams = self._following.tape(pair)
        if streams is None:
            return False
        return time.monotonic() - streams.trades_topic.told < QUIET_SECONDS

    async def _prints(self, pair: str, since: Cursor | None) -> list[Print] | None:
        streams = self._following.tape(pair)
        if streams is None:
            return None
        prints, size = streams.prints, self._contract_size(pair)
        if since is None:
            wanted = [p for p in prints if p.time_ms == prints[-1].time_ms]
        # of the oldest print's millisecond there may have been others before; a time after the newest comes
        # from elsewhere
        elif not prints[0].time_ms < since.time_ms <= prints[-1].time_ms:
            return None
        else:
            times = range(since.time_ms, prints[-1].time_ms + 1)
            wanted = [p for p in prints if p.time_ms in times and p.id not in since.ids]
        return [p._replace(amount=p.amount * size) for p in wanted]

    def _contract_size(self, pair: str) -> float:
        """Return the base units of what the streams count: 1, or a contract."""
        return self._client.market(pair).get("contractSize") or 1.0

    def _changed(self, pair: str) -> None:
        streams = self._following.streams(pair)
        if streams is not None:
            self._kept.keep(pair, streams.stamp_ms)
        self._alarms.check(pair)

    def _top(self, pair: str) -> tuple[float, float] | None:
        streams = self._following.streams(pair)
        levels = streams.levels(1) if streams else None
        return None if levels is None else (levels[0][0][0], levels[1][0][0])

    async def _arm(self, alarms: Mapping[str, Alarm]) -> None:
        for pair in alarms:
            self._following.live(pair)
        self._alarms.set(alarms)

    async def _shut_down(self) -> None:
        for chore in self._chores:
            chore.cancel()
        await self._following.stop()
        await self._client.close()
        # what ccxt has started, such as its pings
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
