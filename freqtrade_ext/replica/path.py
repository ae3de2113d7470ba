"""The fair rate that a generated market follows: legs of a scenario, and noise around them."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, log, sqrt
from random import Random

from freqtrade_ext.replica.scenarios import Leg

# noise forgets half of itself in about 14 seconds
_NOISE_DECAY = 0.05
_STAY = Leg(inf, 0.0, noise=0.0)


class Path:
    """Rate as a function of time, asked for in time order."""

    def __init__(self, rate: float, legs: Iterator[Leg], rng: Random, ms: float) -> None:
        self._legs = legs
        self._rng = rng
        self._noise, self._ms, self._held = 0.0, ms, False
        self._begin(next(legs), log(rate), ms)

    @property
    def pace(self) -> float:
        return self._leg.pace

    def at(self, ms: float) -> float:
        """The fair rate now."""
        # an order from outside may have come a moment after the event that asks
        ms = max(ms, self._ms)
        while ms >= self._start_ms + self._leg.seconds * 1000:
            leg = _STAY if self._held else next(self._legs)
            self._begin(leg, self._goal, self._start_ms + self._leg.seconds * 1000)
        kept = exp(-_NOISE_DECAY * (ms - self._ms) / 1000)
        self._noise = self._noise * kept + self._leg.noise * sqrt(1 - kept * kept) * self._rng.gauss(0, 1)
        self._ms = ms
        return exp(self._level(ms) + self._noise)

    def move(self, to: float, seconds: float, ms: float) -> None:
        """Go to a rate without noise, and stay there until `resume`."""
        level = self._level(ms) + self._noise
        self._noise, self._ms, self._held = 0.0, ms, True
        self._begin(Leg(max(seconds, 0.001), to / exp(level) - 1, noise=0.0), level, ms)

    def resume(self, rate: float, ms: float) -> None:
        """Go on with the scenario's next leg, from this rate."""
        self._noise, self._ms, self._held = 0.0, ms, False
        self._begin(next(self._legs), log(rate), ms)

    def _begin(self, leg: Leg, level: float, ms: float) -> None:
        self._leg = leg
        self._from = level
        self._goal = level + log(1 + leg.change)
        self._start_ms = ms

    def _level(self, ms: float) -> float:
        done = min((ms - self._start_ms) / (self._leg.seconds * 1000), 1.0)
        return self._from + (self._goal - self._from) * done
