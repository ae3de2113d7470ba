"""How fast the bot loops: a price that reaches a stop or target wakes it."""

from __future__ import annotations

import math
import time
from typing import Any

from freqtrade.constants import PROCESS_THROTTLE_SECS

from freqtrade_ext.feed.alarms import Alarm
from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Position

IDLE_SECONDS = 0.05


class Pace:
    """
    The pause between two loops, made by the live feed in place of freqtrade's fixed sleep.

    It takes no change to freqtrade's threads: the bot's own thread waits, inside its loop.
    """

    def __init__(self, feed: Feed, config: dict[str, Any]) -> None:
        """
        Replace freqtrade's sleep between two loops.

        The worker reads its throttle after it has built the bot (2026.9 worker.py `_init`). A little of it
        stays for the loops that never come to `pause`: those of a stopped bot.
        """
        internals = config.setdefault("internals", {})
        self._seconds: float = internals.get("process_throttle_secs", PROCESS_THROTTLE_SECS)
        internals["process_throttle_secs"] = IDLE_SECONDS
        self._feed = feed
        self._alarms: dict[str, Alarm] = {}
        self._woke = 0.0

    def pause(self) -> None:
        """Wait until a watched rate is reached, at most until a loop has taken freqtrade's throttle."""
        self._feed.wait(self._alarms, max(self._woke + self._seconds - time.monotonic(), 0.0))
        self._woke = time.monotonic()
        self._alarms.clear()

    def watch(self, pair: str, plan: Plan | None, position: Position, stage: int) -> None:
        """
        End the next pause where this position's stop or its next target is reached.

        :param stage: targets reached.
        """
        self._alarms[pair] = alarm_of(plan, position, stage)


def alarm_of(plan: Plan | None, position: Position, stage: int) -> Alarm:
    """
    Return the rates between which nothing is to be done for a position.

    :param plan: None where only the stop counts.
    :param stage: targets reached.
    """
    beyond = 0.0 if position.is_short else math.inf
    targets = plan.target_rates[stage:] if plan is not None else ()
    low, high = sorted((position.stop_rate, targets[0] if targets else beyond))
    return Alarm(position.is_short, low, high)
