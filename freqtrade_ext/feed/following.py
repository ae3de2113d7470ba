"""Follow pairs through disconnects, as long as the bot asks about them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from freqtrade_ext.feed.binance import BinanceStreams
from freqtrade_ext.feed.clock import now_ms
from freqtrade_ext.feed.proof import Budget, keep_proven
from freqtrade_ext.feed.rest import costs
from freqtrade_ext.feed.sockets import first_of, notice_dead_lines, raw_client
from freqtrade_ext.feed.streams import BEHIND_SECONDS, QUIET_SECONDS, OutOfStep, Streams, seconds_behind
from freqtrade_ext.feed.unified import UnifiedStreams, check_sequence

logger = logging.getLogger(__name__)

FORGET_SECONDS = 300
"""a pair is no longer followed when it was not asked about for this long"""
TIDY_SECONDS = 5
RETRY_SECONDS = (1, 2, 5, 10, 30)
PING_SECONDS = 0.25
"""at least; Binance disconnects who sends more than five messages a second, pings among them"""
DEAD_SECONDS = 3.0
NEEDED_SECONDS = 30
"""a pair not asked about for this long is not compared with REST; the bot's loops ask more often"""
LATE_SECONDS = QUIET_SECONDS
"""
a book that took longer to arrive is not trusted: it is as old as one whose stream would be questioned for its
silence. Bybit's and OKX's take a tenth of a second and Hyperliquid's, of whole blocks, half of one
"""
SAY_SECONDS = 60
"""how often the log says that a pair's trades come later than its book, at most"""
PROOF_SHARE = 0.15
"""of the requests that a venue allows, spent at most on comparing books with REST, and as much on trades"""


@dataclass(slots=True)
class _Followed:
    asked: float
    """monotonic seconds of the last question about the pair"""
    streams: Streams | None = None
    """None where the venue or the pair has none"""
    task: asyncio.Task[None] | None = None
    is_lost: bool = False
    """said in the log that REST serves"""
    stamp_ms: int | None = None
    """of the last difference"""
    late_since: float | None = None
    """monotonic seconds since when differences come late"""
    is_behind: bool = False
    """trades come later than the book"""
    said_behind: float = -math.inf
    """monotonic seconds at which the log said so last"""


class Following:
    """The streams of the pairs asked about; lives in the feed's thread."""

    def __init__(
        self,
        client: Any,
        fresh_seconds: float,
        changed: Callable[[str], None],
        lost: Callable[[str], None],
        update_markets: Callable[[Any], None],
        local_ms: Callable[[int | None], int | None],
    ) -> None:
        """
        :param client: of ccxt.pro.
        :param fresh_seconds: a connection counts as alive for this long after its last sign of life.
        :param changed: called with the pair after each change of a book in step.
        :param lost: called with a pair whose book cannot be trusted from now on.
        :param update_markets: gives the client the markets known by now.
        :param local_ms: converts a time of the exchange's clock; None where that is unknown.
        """
        self._client, self._fresh_seconds, self._local_ms = client, fresh_seconds, local_ms
        self._tell, self._tell_lost, self._update_markets = changed, lost, update_markets
        self._new_streams: Callable[[Any, str, Callable[[], None]], Streams] = UnifiedStreams
        if client.id == "binance":
            raw_client(client)
            self._new_streams = BinanceStreams
        elif client.id == "bybit":
            check_sequence(client)
        ping_seconds = max(fresh_seconds / 2, PING_SECONDS)
        notice_dead_lines(client, ping_seconds, max(DEAD_SECONDS, 3 * ping_seconds))
        self._book_budget, self._trades_budget = Budget(PROOF_SHARE), Budget(PROOF_SHARE)
        self._pairs: dict[str, _Followed] = {}

    def live(self, pair: str) -> Streams | None:
        """Return the pair's streams if they are to be trusted; notes the interest, follows a new pair."""
        followed = self._pairs.get(pair)
        if followed is None:
            followed = self._pairs[pair] = _Followed(asked=0.0)
            followed.task = asyncio.get_running_loop().create_task(self._follow(pair, followed))
        followed.asked = time.monotonic()
        streams = followed.streams
        if streams is None or not streams.book_topic.is_trusted or followed.late_since is not None:
            return None
        return streams if streams.seconds_silent() < self._fresh_seconds else None

    def tape(self, pair: str) -> Streams | None:
        """Return the pair's streams if their trades are to be trusted, too: complete, and in time."""
        streams = self.live(pair)
        if streams is None or not streams.prints or not streams.trades_topic.is_trusted:
            return None
        followed, behind = self._pairs[pair], seconds_behind(streams)
        if behind < BEHIND_SECONDS / (2 if followed.is_behind else 1):
            followed.is_behind = False
            return streams
        followed.is_behind = True
        if time.monotonic() - followed.said_behind > SAY_SECONDS:
            followed.said_behind = time.monotonic()
            logger.warning(
                "Live trades of %s come %.1f s after the book: REST serves them until they are in time.",
                pair,
                behind,
            )
        return None

    def streams(self, pair: str) -> Streams | None:
        """Return the pair's streams, alive or not."""
        followed = self._pairs.get(pair)
        return followed.streams if followed else None

    async def _follow(self, pair: str, followed: _Followed) -> None:
        """
        Follow a pair through disconnects; the task is cancelled when the pair is not asked about any more.

        One that the exchange does not list any more may come back.
        """
        failures = 0
        while True:
            started = time.monotonic()
            try:
                if pair not in self._client.markets:  # freqtrade may know it by now
                    self._update_markets(self._client)
                followed.streams = streams = self._new_streams(
                    self._client, pair, lambda: self._changed(pair, followed)
                )
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(streams.follow())
                    tasks.create_task(self._prove(pair, followed, streams, is_book=True))
                    tasks.create_task(self._prove(pair, followed, streams, is_book=False))
            except Exception as error:
                self._lose(pair, followed, error)
            failures = 0 if time.monotonic() - started > RETRY_SECONDS[-1] else failures
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    async def _prove(self, pair: str, followed: _Followed, streams: Streams, is_book: bool) -> None:
        """Compare one topic with REST while it is quiet; a silent one is lost before its line is."""
        cost = costs(self._client, self._client.market(pair))
        topic, budget, weight = (
            (streams.book_topic, self._book_budget, cost.book)
            if is_book
            else (streams.trades_topic, self._trades_budget, cost.trades)
        )
        try:
            await keep_proven(
                topic,
                lambda: time.monotonic() - followed.asked < NEEDED_SECONDS,
                partial(budget.spend, weight, cost.per_minute),
                lambda: self._tell_lost(pair) if is_book else None,
            )
        except OutOfStep as error:
            self._lose(pair, followed, error)
            raise

    def _lose(self, pair: str, followed: _Followed, error: Exception) -> None:
        followed.streams = None
        _say_lost(pair, followed, first_of(error))
        self._tell_lost(pair)

    def _changed(self, pair: str, followed: _Followed) -> None:
        if self._is_late(pair, followed):
            return
        if followed.is_lost:
            followed.is_lost = False
            logger.info("Live book of %s is in step again.", pair)
        self._tell(pair)

    def _is_late(self, pair: str, followed: _Followed) -> bool:
        """Return whether differences come late. Wakes who relies on the pair; says it if it lasts."""
        stamp_ms = followed.streams.stamp_ms if followed.streams else None
        told_ms = self._local_ms(stamp_ms)
        # the best bid and ask have no stamp of their own
        if told_ms is None or stamp_ms == followed.stamp_ms:
            return followed.late_since is not None
        followed.stamp_ms = stamp_ms
        now, lag = time.monotonic(), (now_ms() - told_ms) / 1000
        if lag < LATE_SECONDS / (1 if followed.late_since is None else 2):
            followed.late_since = None
        elif followed.late_since is None:
            followed.late_since = now
            self._tell_lost(pair)
        elif now - followed.late_since > LATE_SECONDS:
            _say_lost(pair, followed, OutOfStep(f"comes {lag:.1f} s late"))
        return followed.late_since is not None

    async def tidy(self) -> None:
        """Stop following pairs that are not asked about any more; runs until cancelled."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            for pair, followed in list(self._pairs.items()):
                if time.monotonic() - followed.asked > FORGET_SECONDS:
                    del self._pairs[pair]
                    if followed.task is not None:
                        followed.task.cancel()

    async def stop(self) -> None:
        """Stop following all pairs."""
        tasks = [followed.task for followed in self._pairs.values() if followed.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _say_lost(pair: str, followed: _Followed, cause: Exception) -> None:
    """Once, until the book is in step again."""
    why = str(cause) if isinstance(cause, OutOfStep) else f"failed ({type(cause).__name__}: {cause})"
    level = logging.DEBUG if followed.is_lost else logging.WARNING
    logger.log(level, "Live book of %s %s: REST serves until it is in step.", pair, why)
    followed.is_lost = True
