"""How far the recorder's clock is ahead of the exchange's."""

from __future__ import annotations

import math

MINUTE_MS, AROUND_MINUTES = 60_000, 5


class ClockOffset:
    """Learned from messages that carry both times: the fastest one of the minutes around came at once."""

    def __init__(self) -> None:
        self._fastest: dict[int, float] = {}
        """minute of the exchange -> least local time less exchange time of its messages, ms"""

    def hear(self, local_ms: float, time_ms: int) -> None:
        minute = time_ms // MINUTE_MS
        self._fastest[minute] = min(self._fastest.get(minute, math.inf), local_ms - time_ms)

    @property
    def is_known(self) -> bool:
        return bool(self._fastest)

    def around(self, time_ms: float) -> float:
        """Return local less exchange time in ms around an exchange time; it must be known."""
        minute = int(time_ms // MINUTE_MS)
        minutes = range(minute - AROUND_MINUTES, minute + AROUND_MINUTES + 1)
        known = [self._fastest[number] for number in minutes if number in self._fastest]
        return min(known or self._fastest.values())
