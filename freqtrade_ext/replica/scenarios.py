"""Scripts of the generated market: where rates go, and how they get there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import log
from random import Random
from typing import Literal, get_args

Scenario = Literal["live", "calm", "chop", "rise", "fall", "crash"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
Script = Literal["live", "calm", "chop", "rise", "fall", "crash", "climb", "slide"]
"""of one pair: a scenario, or one of those that `live` is made of"""
History = Literal["flat", "choppy", "breakout", "lively breakout"]


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of the fair rate's way."""

    seconds: float
    change: float
    """ratio from the leg's beginning to its end: 0.02 is +2 %"""
    noise: float = 0.0003
    """how far the rate strays around the way, as a ratio (one standard deviation)"""
    pace: float = 1.0
    """how many orders and trades arrive, compared to a normal time"""


@dataclass(frozen=True, slots=True)
class Mood:
    """Legs drawn at random: how long, how far, how rough."""

    seconds: tuple[float, float]
    change: float
    """standard deviation of a leg's change, ratio"""
    noise: float
    shock: float
    """probability that a leg is a shock of four times the change within ten seconds"""
    pull: float
    """part of the distance to the starting rate that a leg goes back on average"""


_MOODS = {
    "live": Mood((45, 300), 0.004, 0.0004, 0.06, 0.02),
    "calm": Mood((60, 300), 0.0004, 0.0001, 0.0, 0.02),
    "chop": Mood((30, 120), 0.003, 0.0006, 0.0, 0.8),
}
# The lead-in leaves a bot the time to start and to enter.
_RISE = (
    Leg(45, 0.0006),
    Leg(50, 0.024, pace=2.0),
    Leg(20, -0.002),
    Leg(50, 0.022, pace=2.0),
    Leg(20, -0.002),
    Leg(80, 0.043, pace=2.0),
    Leg(60, -0.001),
)
_FALL = (Leg(45, 0.0006), Leg(90, -0.06, pace=2.0), Leg(60, 0.004))
_CRASH = (
    Leg(60, 0.0005),
    Leg(10, -0.5, noise=0.004, pace=6.0),
    Leg(5, 0.0, noise=0.01, pace=4.0),
    Leg(60, 0.4, noise=0.003, pace=3.0),
)
# Stories that the hours before them allow: their average true range is above 2 % an hour.
_CLIMB = (
    Leg(45, 0.0006),
    Leg(360, 0.023, pace=1.5),
    Leg(120, -0.004),
    Leg(700, 0.024, pace=1.5),
    Leg(240, -0.006),
    Leg(1800, 0.046, pace=1.5),
    Leg(600, -0.004),
)
_SLIDE = (Leg(45, 0.0006), Leg(900, -0.062, pace=1.5), Leg(600, 0.004))
_SCRIPTS = {"rise": _RISE, "fall": _FALL, "crash": _CRASH, "climb": _CLIMB, "slide": _SLIDE}
_MOST = 4.0
"""times its usual change that a random leg goes at most"""
# In `live` the pairs take turns, so that something can be traded at once and not all goes the same way.
_LIVE_TURNS: tuple[Script, ...] = ("climb", "chop", "slide", "live", "climb")


def of_pair(scenario: Scenario, index: int) -> Script:
    """Return the script of the n-th pair in a scenario."""
    return _LIVE_TURNS[index % len(_LIVE_TURNS)] if scenario == "live" else scenario


def history(script: Script) -> History:
    """Return the kind of candles before the start."""
    if script in ("climb", "slide"):
        return "lively breakout"
    if script in _SCRIPTS:
        return "breakout"
    return "choppy" if script in ("chop", "live") else "flat"


def legs(script: Script, then: Scenario, rng: Random) -> Iterator[Leg]:
    """Return the legs of a script, then endless random ones in the mood of `then`."""
    return chain(_SCRIPTS.get(script, ()), _random_legs(_MOODS.get(then, _MOODS["calm"]), rng))


def _random_legs(mood: Mood, rng: Random) -> Iterator[Leg]:
    strayed = 0.0
    while True:
        shock = rng.random() < mood.shock
        change = rng.gauss(-mood.pull * strayed, mood.change * (4 if shock else 1))
        change = min(max(change, -_MOST * mood.change), _MOST * mood.change)
        seconds = 10.0 if shock else rng.uniform(*mood.seconds)
        strayed += log(1 + change)
        yield Leg(
            seconds, change, mood.noise * (2 if shock else 1), rng.uniform(0.7, 1.6) * (3 if shock else 1)
        )
