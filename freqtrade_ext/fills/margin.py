"""What futures demand: margin tiers, the margin that must be kept, and what a liquidation leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """One bracket of position sizes."""

    most: float
    """greatest size: quote units, or base units where the venue's tiers count coins"""
    max_leverage: float
    rate: float
    """maintenance margin, ratio of the position's value"""
    deducted: float = 0.0
    """quote units taken off the maintenance margin"""


@dataclass(frozen=True, slots=True)
class MarginRules:
    """A venue's rules for one pair."""

    tiers: tuple[Tier, ...] = ()
    """rising; without tiers nothing is liquidated"""
    by_amount: bool = False
    """sizes of the tiers are base units"""
    fee: float = 0.0
    """liquidation fee, ratio of what the book takes"""
    sells_to_book: bool = True
    """the book takes what it can, down to the bankruptcy rate; else all goes at the bankruptcy rate"""
    is_of_entry: bool = False
    """what must be kept is a part of the position's value at its entry rate; else at the mark price"""

    def tier(self, amount: float, rate: float) -> Tier:
        """Return the tier of a position of `amount` base units at `rate`."""
        size = amount if self.by_amount else amount * rate
        return next((tier for tier in self.tiers if size <= tier.most), self.tiers[-1])

    def maintenance(self, amount: float, rate: float) -> float:
        """Return the margin that a position must keep, quote units."""
        if not self.tiers:
            return -math.inf
        tier = self.tier(amount, rate)
        return amount * rate * tier.rate - tier.deducted

    def refusal(self, amount: float, rate: float, leverage: float) -> str | None:
        """Return why a position of this size may not have this leverage; None where it may."""
        if not self.tiers:
            return None
        size = amount if self.by_amount else amount * rate
        if size > self.tiers[-1].most:
            return f"Leverage bracket: size {size:.12g} > {self.tiers[-1].most:.12g}"
        most = self.tier(amount, rate).max_leverage
        if leverage > most:
            return f"Leverage bracket: leverage {leverage:g} > {most:g} for size {size:.12g}"
        return None


def tiers(rows: Iterable[Mapping[str, float | None]], *, is_deducting: bool = True) -> tuple[Tier, ...]:
    """
    Read leverage tiers as freqtrade has them.

    :param is_deducting: the margin grows without a jump from tier to tier, as on Binance and Bybit. Where
        the venue does not tell the amount deducted for that: floor * (rate - rate of the tier before).
    """
    found: list[Tier] = []
    for row in rows:
        most, floor = row["maxNotional"], row["minNotional"] or 0.0
        rate, deducted = row["maintenanceMarginRate"] or 0.0, row.get("maintAmt")
        if deducted is None:
            before = found[-1] if found else Tier(0.0, 0.0, rate)
            deducted = before.deducted + floor * (rate - before.rate) if is_deducting else 0.0
        found.append(Tier(math.inf if most is None else most, row["maxLeverage"] or 1.0, rate, deducted))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class MarkCandle:
    """A minute of the mark price, quote per base; the last one is still open."""

    time_ms: int
    low: float
    high: float
    close: float


@dataclass(slots=True)
class MarkLook:
    """
    How far the mark price of a pair was looked at.

    A candle tells only how far the rate went within its minute. What it told at the last look is known,
    so that a new low or high is newer than that look.
    """

    candle: MarkCandle | None = None

    def since(self, candles: list[MarkCandle]) -> tuple[float, float, float] | None:
        """Return lowest, highest and last mark price since the last look; at the first, the last one."""
        if not candles:
            return None
        last, known = candles[-1], self.candle
        lows, highs = [last.close], [last.close]
        for candle in candles:
            if known is None or candle.time_ms < known.time_ms:
                continue
            is_same = candle.time_ms == known.time_ms
            if not is_same or candle.low < known.low:
                lows.append(candle.low)
            if not is_same or candle.high > known.high:
                highs.append(candle.high)
        self.candle = last
        return min(lows), max(highs), last.close
