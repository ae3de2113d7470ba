"""Fill resting limit orders from the prints of the tape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.settings import MakerFill


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


@dataclass(slots=True)
class Queue:
    """
    A limit order's place among the others at its rate, `ahead` in base units.

    `ahead` is None while the order's rate lies beyond what was seen of the book: then only prints
    through the rate fill it. No outside truth exists for resting orders, so there are three estimates,
    each filling at least as much as the one before it on any tape:

    - pessimistic: only prints through the rate fill, each by at most its own amount;
    - expected: prints at the rate first use up the amount that was displayed ahead at arrival, then fill;
    - optimistic: prints at the rate fill at once.
    """

    ahead: float | None = None

    def fill(self, side: BuySell, rate: float, remaining: float, trade: Print, estimate: MakerFill) -> float:
        """
        Return how much of `remaining` this print fills, in base units, and move the queue.

        :param trade: with the amount that earlier orders of ours have not used of it.
        """
        if trade.side == side:
            return 0.0
        through = trade.rate < rate if side == "buy" else trade.rate > rate
        if through:
            self.ahead = 0.0
            return min(remaining, trade.amount)
        if trade.rate != rate or estimate == "pessimistic":
            return 0.0
        if estimate == "optimistic":
            return min(remaining, trade.amount)
        if self.ahead is None:
            return 0.0
        used = min(self.ahead, trade.amount)
        self.ahead -= used
        return min(remaining, trade.amount - used)

    def bound(self, displayed: float | None) -> bool:
        """
        Limit `ahead` to what the book now displays at the rate; no more than that can be ahead of us.

        :param displayed: base units at the order's rate, 0 where the level is gone; None where the book
            was not seen that deep. To be called after the prints up to that book were used.
        :return: whether the queue moved.
        """
        if displayed is None or (self.ahead is not None and self.ahead <= displayed):
            return False
        self.ahead = displayed
        return True
