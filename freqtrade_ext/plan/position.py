"""An open position as plain values: what a decision on its exit needs to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

ROUNDING = 1e-12
"""Relative: far above floating point noise, far below any lot or tick."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What one order of the position got."""

    is_entry: bool
    amount: float
    """base units, after fees that took of them"""
    rate: float
    """average, quote per base, unrounded"""
    stage: int = 0
    """target it was sold at, counted from 1; 0 for none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One trade, read once per loop. Amounts in base units, rates in quote per base."""

    is_short: bool
    held: float
    fills: tuple[Fill, ...]
    """oldest first"""
    stage_asked: int
    """highest target for which an exit order was ever placed: what was reached once stays reached"""
    stop_rate: float
    lot: float
    """smallest step of an amount; 0 where there is none"""
    is_busy: bool = False
    """an order of it is open"""

    @property
    def stage_sold(self) -> int:
        """Highest target at which something was sold; 0 for none."""
        return max((fill.stage for fill in self.fills), default=0)

    @property
    def bought(self) -> float:
        """All that entries brought, in whole lots."""
        return self._whole_lots(self._entries())

    @property
    def left_behind(self) -> float:
        """What entries brought and no order can sell: less than a lot, as fees leave it."""
        left = self._entries() - self.bought
        return left if left > ROUNDING * self._entries() else 0.0

    def _entries(self) -> float:
        return sum(fill.amount for fill in self.fills if fill.is_entry)

    def anchor(self) -> float:
        """
        Return the average the coins held were bought at, unrounded; what was sold belongs to the old coins.

        An entry after exits moves it to (old anchor * coins left + new rate * new coins) / coins held
        (`spec.md` 4). freqtrade's `open_rate` is rounded to the tick.
        """
        rate, held = math.nan, 0.0
        for fill in self.fills:
            if not fill.is_entry:
                held = max(0.0, held - fill.amount)
                continue
            rate = fill.rate if held == 0 else (rate * held + fill.rate * fill.amount) / (held + fill.amount)
            held += fill.amount
        return rate

    def entered(self, shares: Sequence[float]) -> float:
        """
        Return the amount that the plan's shares are percents of, in whole lots.

        That is what was bought. After an entry behind a target, it is what makes the coins then held the
        share that is left for the targets to come, so that nothing is due before the next of them.

        :param shares: percent of the position sold at each target.
        """
        return self._whole_lots(self._replay(shares)[0])

    def exits(self, shares: Sequence[float]) -> list[tuple[int, float]]:
        """
        Return target (0 for none) and part of each exit, in percent of what `entered` was then; oldest first.

        :param shares: percent of the position sold at each target.
        """
        return self._replay(shares)[1]

    def _replay(self, shares: Sequence[float]) -> tuple[float, list[tuple[int, float]]]:
        total = held = 0.0
        stage = 0
        exits = []
        for fill in self.fills:
            if not fill.is_entry:
                held, stage = max(0.0, held - fill.amount), max(stage, fill.stage)
                entered = self._whole_lots(total)
                exits.append((fill.stage, 100 * fill.amount / entered if entered else 100.0))
                continue
            held += fill.amount
            left = 100 - sum(shares[:stage])
            total = held / left * 100 if stage and left > ROUNDING else total + fill.amount
        return total, exits

    def _whole_lots(self, amount: float) -> float:
        # so that a whole lot with floating point noise stays one
        return round_down(amount * (1 + ROUNDING), self.lot) if self.lot else amount

    def is_beyond_stop(self, rate: float) -> bool:
        """Return whether this rate has reached the stop."""
        return rate >= self.stop_rate if self.is_short else rate <= self.stop_rate


def round_down(amount: float, step: float) -> float:
    """Cut an amount to whole steps, exact in decimals; unchanged for a step of 0."""
    if step <= 0 or not math.isfinite(amount):
        return amount
    unit = Decimal(repr(step))
    return float((Decimal(repr(amount)) / unit).quantize(Decimal(1), ROUND_DOWN) * unit)
