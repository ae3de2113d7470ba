"""
Trust a stream for as long as it deserves, and no longer.

A connection that answers pings does not prove that its streams still speak: they can stop while the line
lives. So a topic that is quiet is compared with one cheap REST answer every few seconds, at most within a
part of what the venue allows. Until the answer agrees again, nothing is decided or filled from the stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import ccxt

from freqtrade_ext.feed.streams import OutOfStep, Topic

logger = logging.getLogger(__name__)

GRACE_SECONDS = 1.0
"""news that REST knows first must arrive on the stream within this time; venues send each 0.5 s at least"""
LOOK_SECONDS = 0.25
BURST_SECONDS = 10
"""requests that were not made earlier may be made up for"""


class Budget:
    """Spaces requests out, so that they stay within a share of what the venue allows."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._spent_until = 0.0

    async def spend(self, weight: float, per_minute: float) -> None:
        """Wait for the turn of a request of this weight, where the venue allows so much per minute."""
        now = time.monotonic()
        turn = max(self._spent_until, now - BURST_SECONDS)
        self._spent_until = turn + 60 * weight / (per_minute * self._share)
        await asyncio.sleep(max(turn - now, 0))


async def keep_proven(
    topic: Topic,
    is_needed: Callable[[], bool],
    turn: Callable[[], Awaitable[None]],
    doubted: Callable[[], None],
) -> None:
    """
    Compare a topic with REST whenever it is quiet, until it turns out to be silent.

    :param is_needed: whether anybody relies on the topic.
    :param turn: waits until the request may be made.
    :param doubted: is called as soon as REST disagrees.
    :raises OutOfStep: REST has had news for longer than it can take the stream.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not topic.is_quiet or not is_needed():
            continue
        await turn()
        asked = time.monotonic()
        if not topic.is_quiet or await _agrees(topic, asked):
            continue
        topic.doubt()
        doubted()
        await asyncio.sleep(GRACE_SECONDS)
        if topic.told < asked:
            quiet = time.monotonic() - topic.told
            raise OutOfStep(f"has had no {topic.name} for {quiet:.1f} s while REST shows news")


async def _agrees(topic: Topic, asked: float) -> bool:
    """Return False only where REST knows better; without an answer nothing is proven."""
    try:
        if not await topic.agrees():
            return topic.told > asked
        topic.proven = max(topic.proven, asked)
    except (ccxt.BadSymbol, ccxt.NotSupported):
        raise
    except Exception as error:  # REST's failures are its own; trust runs out by itself
        logger.debug("No answer to compare with the stream: %s: %s", type(error).__name__, error)
    return True
