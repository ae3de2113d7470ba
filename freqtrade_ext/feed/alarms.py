"""Wake the bot where a rate leaves a range: at a trade's stop, or at its next target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import NamedTuple

REPEAT_SECONDS = 1.0
"""an alarm wakes once within this time, so that an exit which cannot be made does not keep the bot busy"""


class Alarm(NamedTuple):
    """The bot is woken outside of these rates; the bid counts for longs, the ask for shorts."""

    is_short: bool
    low: float
    high: float


class Alarms:
    """The alarms of one bot, by pair; set and rung in the feed's thread, awaited in the bot's."""

    def __init__(self, top: Callable[[str], tuple[float, float] | None]) -> None:
        """:param top: returns a pair's best bid and ask; None where they are not known."""
        self.woken = Event()
        self._top = top
        self._set: dict[str, Alarm] = {}
        self._woke: dict[str, tuple[Alarm, float]] = {}

    def set(self, alarms: Mapping[str, Alarm]) -> None:
        """Set these alarms alone. One that rang within the last second does not ring again."""
        now = time.monotonic()
        self._woke = {pair: woke for pair, woke in self._woke.items() if now - woke[1] <= REPEAT_SECONDS}
        self._set.clear()
        for pair, alarm in alarms.items():
            if pair not in self._woke or self._woke[pair][0] != alarm:
                self._set[pair] = alarm
                self.check(pair)

    def clear(self) -> None:
        self._set.clear()

    def check(self, pair: str) -> None:
        """Ring where a pair's rate is outside its alarm's range."""
        alarm = self._set.get(pair)
        top = self._top(pair) if alarm is not None else None
        if alarm is not None and top is not None and not alarm.low < top[alarm.is_short] < alarm.high:
            del self._set[pair]
            self._woke[pair] = (alarm, time.monotonic())
            self.woken.set()

    def lose(self, pair: str) -> None:
        """Ring where a pair's rate is no longer known: the bot then asks REST."""
        if self._set.pop(pair, None) is not None:
            self.woken.set()
