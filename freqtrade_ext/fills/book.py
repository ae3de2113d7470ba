"""Walk an order book: what an order pays that takes what others display."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import starmap, takewhile
from operator import mul
from typing import Literal

BuySell = Literal["buy", "sell"]
Level = tuple[float, float]
"""(rate in quote per base, amount in base units)"""
Stopped = Literal["", "limit", "book end", "price range"]
DUST = 1e-12
"""part of an amount below which what is left of it is float noise: no exchange has lots that fine"""


class BadBook(ValueError):
    """An order book that cannot be true: empty, crossed, or with numbers that are none."""


def opposite(side: BuySell) -> BuySell:
    return "sell" if side == "buy" else "buy"


def within(levels: Iterable[Level], side: BuySell, limit: float) -> Iterator[Level]:
    """Return the levels that an order of this side can take from at the limit or better, best first."""
    return takewhile((lambda level: level[0] <= limit if side == "buy" else level[0] >= limit), levels)


def displayed(levels: Iterable[Level], side: BuySell, rate: float) -> float | None:
    """
    Return the amount that orders of this side display at a rate.

    :param levels: of this side, best first.
    :return: base units; None where the levels end before the rate.
    """
    for level_rate, amount in levels:
        if level_rate == rate:
            return amount
        if level_rate < rate if side == "buy" else level_rate > rate:
            return 0.0
    return None


@dataclass(frozen=True, slots=True)
class Book:
    """Both sides of an order book, best level first."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    time_ms: int
    """local clock; by REST the middle of the request, by a stream the exchange's stamp"""
    depth: int
    """levels asked for per side; a side with fewer is known to its end"""
    update_id: int | None = None
    """the exchange's number of this state of the book; None where it was put together from two streams"""
    stamp_ms: int | None = None
    """exchange time of the newest difference in it; None where unknown"""

    def __post_init__(self) -> None:
        """:raises BadBook: saying what is wrong."""
        if not self.bids and not self.asks:
            raise BadBook("is empty")
        for levels in (self.bids, self.asks):
            for level in levels:
                if not (0 < level[0] < math.inf and 0 <= level[1] < math.inf):
                    raise BadBook(f"has the level {level[0]} x {level[1]}")
        if self.bids and self.asks and self.bids[0][0] >= self.asks[0][0]:
            raise BadBook(f"is crossed: bid {self.bids[0][0]} >= ask {self.asks[0][0]}")

    def taken_by(self, side: BuySell) -> Sequence[Level]:
        """Levels that an order of this side takes from."""
        return self.asks if side == "buy" else self.bids

    def is_whole(self, side: BuySell) -> bool:
        """Return whether nothing lies beyond the levels that an order of this side takes from."""
        return len(self.taken_by(side)) < self.depth

    def within(self, side: BuySell, limit: float) -> list[Level]:
        """Return the levels that an order of this side can take from at the limit or better, best first."""
        return list(within(self.taken_by(side), side, limit))

    def displayed(self, side: BuySell, rate: float) -> float | None:
        """Amount that orders of this side display at the rate; None where the book was not seen that deep."""
        found = displayed(self.taken_by(opposite(side)), side, rate)
        return 0.0 if found is None and self.is_whole(opposite(side)) else found


@dataclass(frozen=True, slots=True)
class Walk:
    """What walking the levels gave: `fills` best first, and why it stopped short, if it did."""

    fills: tuple[Level, ...]
    filled: float
    """base units"""
    cost: float
    """quote units"""
    stopped: Stopped
    """empty when the whole amount was filled"""

    @property
    def average(self) -> float:
        """Cost per base unit, unrounded; NaN where nothing was filled."""
        return self.cost / self.filled if self.filled else math.nan

    @property
    def worst(self) -> float:
        """Rate of the last level taken; NaN where nothing was filled."""
        return self.fills[-1][0] if self.fills else math.nan

    def within(self, lowest: float, highest: float) -> Walk:
        """Return the walk up to the first level outside these rates (quote per base)."""
        inside = list(takewhile(lambda level: lowest <= level[0] <= highest, self.fills))
        if len(inside) == len(self.fills):
            return self
        filled, cost = math.fsum(a for _, a in inside), math.fsum(r * a for r, a in inside)
        return Walk(tuple(inside), filled, cost, "price range")

    def no_better_than(self, rate: float, side: BuySell) -> Walk:
        """Return the same amounts, each at this rate (quote per base) where its level was better."""
        worse = max if side == "buy" else min
        fills = tuple((worse(level, rate), amount) for level, amount in self.fills)
        return replace(self, fills=fills, cost=math.fsum([r * a for r, a in fills]))


def walk(levels: Iterable[Level], amount: float, side: BuySell, limit: float | None = None) -> Walk:
    """
    Take levels best first until the amount is filled, the limit is reached or the book ends.

    :param levels: the opposite side of the book, best first: (rate, amount in base units), none of amount 0,
        and without what own orders have taken of it (`Ledger.untaken`).
    :param amount: base units wanted.
    :param side: "buy" walks asks upwards, "sell" walks bids downwards.
    :param limit: worst acceptable rate; None for a market order.
    """
    fills: list[Level] = []
    left, dust, is_buy, take = amount, amount * DUST, side == "buy", fills.append
    stopped: Stopped = ""
    # where a fill spends its time: one subtraction and one note per level
    for level in levels if amount > 0 else ():
        displayed = level[1]
        if limit is not None and (level[0] > limit if is_buy else level[0] < limit):
            stopped = "limit"
            break
        if displayed >= left:
            if left > dust:
                take((level[0], left))
            left = 0.0
            break
        left -= displayed
        take(level)
    else:
        stopped = "book end"
    if left <= dust:
        stopped = ""
    filled = math.fsum(a for _, a in fills) if stopped else amount
    # a plain sum of 5,000 levels is right to 1e-12, which is less than any exchange's last digit
    return Walk(tuple(fills), filled, sum(starmap(mul, fills)), stopped)
