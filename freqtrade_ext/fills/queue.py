"""Fill resting limit orders: what public trades, cancels and opposite quotes do to a place in the queue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, get_args

from freqtrade_ext.fills.book import DUST, BuySell
from freqtrade_ext.settings import MakerFill

ESTIMATES: tuple[MakerFill, ...] = get_args(MakerFill)
CANCEL_POWER = 4.0
"""a cancel comes from ahead of us with the chance (ahead / level) ** this: cancels come from behind"""
STANDING_MS: dict[MakerFill, float] = {"pessimistic": 1_000, "expected": 200, "optimistic": 0}
"""how long an opposite quote at or through our rate has stood before it counts as one that filled us"""


class Print(NamedTuple):
    """One public trade."""

    id: str
    time_ms: int
    """exchange time of the trade"""
    rate: float
    amount: float
    """base units"""
    side: BuySell
    """of the aggressor"""

    @classmethod
    def from_ccxt(cls, trade: Mapping[str, Any], contract_size: float = 1.0) -> Print:
        """
        Read one of ccxt's trades.

        :param contract_size: base units per unit of ccxt's amount.
        :raises TypeError, ValueError: it cannot be true.
        """
        rate, amount = trade["price"], trade["amount"]
        if not (0 < rate < math.inf and 0 <= amount < math.inf and trade["timestamp"] > 0):
            raise ValueError(f"no trade of {amount} at {rate}")
        return cls(str(trade["id"]), trade["timestamp"], rate, amount * contract_size, trade["side"])


def after_print(ahead: float, amount: float) -> tuple[float, float]:
    """
    Return (amount still ahead, amount that reaches us) after a print at our rate, in base units.

    A rest that is only float noise fills nothing: 0.3 ahead less three prints of 0.1 is 2.8e-17.
    """
    left = amount - ahead
    if left <= amount * DUST:
        return max(-left, 0.0), 0.0
    return 0.0, left


def after_cancels(ahead: float, level: float, displayed: float, power: float) -> float:
    """
    Return what is still ahead of us when a level shows less than its prints explain, in base units.

    :param level: what the book would display at our rate without cancels since the last look.
    :param displayed: what it displays; no more than that can be ahead.
    :param power: of the share that left from ahead of us, see `CANCEL_POWER`.
    """
    if displayed < level and ahead > 0:
        ahead -= (level - displayed) * min(ahead / level, 1.0) ** power
    return max(min(ahead, displayed), 0.0)


@dataclass(slots=True)
class Place:
    """One estimate of the order's place, and what it has filled by it; amounts in base units."""

    ahead: float | None = None
    """displayed before us; None while our rate lies beyond what was seen of the book"""
    filled: float = 0.0
    filled_ms: int | None = None
    """when it was filled last"""
    taken: float = 0.0
    """of the opposite quotes that stand at or through our rate now"""

    def fill(self, amount: float, resting: float, time_ms: int) -> float:
        """Fill at most `amount`, up to `resting` in all; return what was filled."""
        amount = min(amount, resting - self.filled)
        if amount <= resting * DUST:
            return 0.0
        self.filled, self.filled_ms = self.filled + amount, time_ms
        return amount


@dataclass(slots=True)
class Queue:
    """
    A resting order's place among the others at its rate, by three estimates that run beside each other.

    On any tape pessimistic <= expected <= optimistic. All fill by prints through the rate, by at most their
    amount; prints at the rate use up what is ahead first, for the optimistic estimate nothing is. The
    displayed amount bounds what is ahead; of what was cancelled the expected estimate takes a share from
    ahead (`CANCEL_POWER`), the pessimistic one nothing. An opposite quote at or through the rate fills too,
    as the exchange would have matched it with ours, once it has stood for `STANDING_MS`. Both numbers
    were measured on order-by-order tapes: see docs/fills.md.
    """

    places: dict[MakerFill, Place] = field(default_factory=lambda: {name: Place() for name in ESTIMATES})
    shown: float | None = None
    """displayed at our rate at the last look, base units"""
    printed: float = 0.0
    """at our rate since the last look, base units"""
    crossed_ms: int | None = None
    """since when an opposite quote stands at or through our rate"""
    crossed: float = 0.0
    """least amount of it since then, base units"""

    def use_print(
        self, amount: float, resting: float, time_ms: int, *, is_through: bool, is_late: bool = False
    ) -> None:
        """
        Use a print of the opposite aggressor at our rate, or through it.

        :param amount: of the print that earlier orders of ours have not used, base units.
        :param resting: amount that the order came to rest with, base units.
        :param is_late: the last book looked at was younger: without the print it seemed to be a cancel, and
            must not move the queue a second time.
        """
        for name, place in self.places.items():
            reaches = amount
            if is_through:
                place.ahead = 0.0
            elif name != "optimistic":
                if place.ahead is None or is_late:
                    continue
                place.ahead, reaches = after_print(place.ahead, amount)
            place.fill(reaches, resting, time_ms)
        self.printed += 0.0 if is_through or is_late else amount
        self._nest()

    def look(self, displayed: float | None, opposite: float, resting: float, time_ms: int) -> bool:
        """
        Look at the book, after the prints up to it were used.

        :param displayed: base units at our rate on our side; None where the book was not seen that deep.
        :param opposite: base units of quotes at or through our rate, without what others of ours took.
        :param resting: amount that the order came to rest with, base units.
        :param time_ms: of the look, local clock.
        :return: whether anything has changed.
        """
        before = (self.shown, self.printed, self.crossed_ms)
        if displayed is not None:
            level = displayed if self.shown is None else self.shown - self.printed
            for name, place in self.places.items():
                power = CANCEL_POWER if name == "expected" else math.inf
                ahead = displayed if place.ahead is None else place.ahead
                place.ahead = after_cancels(ahead, level, displayed, power)
            self.shown, self.printed = displayed, 0.0
        self._cross(opposite, resting, time_ms)
        self._nest()
        return before != (self.shown, self.printed, self.crossed_ms) or opposite > 0

    def _cross(self, opposite: float, resting: float, time_ms: int) -> None:
        if opposite <= 0:
            self.crossed_ms = None
        elif self.crossed_ms is None:
            self.crossed_ms, self.crossed = time_ms, opposite
        self.crossed = min(self.crossed, opposite)
        for name, place in self.places.items():
            place.taken = min(place.taken, opposite)
            if self.crossed_ms is not None and time_ms - self.crossed_ms >= STANDING_MS[name]:
                stood = opposite if name == "optimistic" else self.crossed
                place.taken += place.fill(stood - place.taken, resting, time_ms)

    def _nest(self) -> None:
        """What a stricter estimate fills, the next one fills too."""
        for strict, loose in pairwise(ESTIMATES):
            if self.places[loose].filled < self.places[strict].filled:
                self.places[loose].filled = self.places[strict].filled
                self.places[loose].filled_ms = self.places[strict].filled_ms

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], filled: float, filled_ms: int | None) -> Queue:
        """
        Restore a queue; one kept by an older version knew one place for all estimates.

        :param filled: base units that such an order had filled as a maker.
        """
        if "places" not in data:
            return cls({name: Place(data.get("ahead"), filled, filled_ms) for name in ESTIMATES})
        places = {name: Place(**data["places"][name]) for name in ESTIMATES}
        return cls(**{**data, "places": places})
