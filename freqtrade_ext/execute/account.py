"""The paper account: what every fill and fee did to the balances."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from freqtrade_ext.execute.book import BuySell
from freqtrade_ext.execute.fees import Fee


class Account:
    """
    Balances per asset, and on futures the position per pair.

    Sums are kept as decimals of the exact binary amounts, so that no sequence of fills loses or makes
    money by rounding. Spot moves base and quote; futures move quote by realised profit and fees alone.
    """

    def __init__(self, start: Mapping[str, float], *, is_futures: bool = False) -> None:
        self.start = {currency: Decimal(amount) for currency, amount in start.items()}
        self.moved: dict[str, Decimal] = {}
        """what fills and fees changed since the start"""
        self.positions: dict[str, tuple[Decimal, Decimal]] = {}
        """futures: pair -> (amount, negative when short; cost of it in quote units)"""
        self.leverage: dict[str, float] = {}
        """futures: pair -> leverage of the position"""
        self.is_futures = is_futures

    def total(self, currency: str) -> float:
        return float(self.start.get(currency, Decimal(0)) + self.moved.get(currency, Decimal(0)))

    def margin_in(self, currency: str) -> float:
        """Units of the currency tied up in futures positions, at entry cost."""
        return sum(
            float(abs(cost)) / self.leverage[pair]
            for pair, (_, cost) in self.positions.items()
            if currencies(pair)[1] == currency
        )

    def apply(
        self, pair: str, side: BuySell, amount: float, cost: float, fee: Fee, leverage: float = 1.0
    ) -> None:
        """Book one execution of `amount` base units for `cost` quote units, and its fee."""
        base, quote = currencies(pair)
        sign = 1 if side == "buy" else -1
        if self.is_futures:
            self.leverage[pair] = leverage
            self._move_position(pair, quote, sign * Decimal(amount), sign * Decimal(cost))
        else:
            self._move(base, sign * Decimal(amount))
            self._move(quote, -sign * Decimal(cost))
        self._move(fee.currency, -Decimal(fee.cost))

    def _move(self, currency: str, amount: Decimal) -> None:
        self.moved[currency] = self.moved.get(currency, Decimal(0)) + amount

    def _move_position(self, pair: str, quote: str, amount: Decimal, cost: Decimal) -> None:
        """Add to the position, or reduce it and realise the profit of the part that closes."""
        held, held_cost = self.positions.get(pair, (Decimal(0), Decimal(0)))
        if held * amount < 0:
            closing = min(abs(amount), abs(held)) / abs(amount)
            entry_cost = held_cost * (closing * abs(amount) / abs(held))
            self._move(quote, -(cost * closing) - entry_cost)
            held, held_cost = held + amount * closing, held_cost - entry_cost
            amount, cost = amount * (1 - closing), cost * (1 - closing)
        self.positions[pair] = (held + amount, held_cost + cost)
        if not self.positions[pair][0]:
            del self.positions[pair]

    def to_json(self) -> dict[str, Any]:
        return {
            "moved": {currency: str(amount) for currency, amount in self.moved.items()},
            "positions": {pair: [str(a), str(c)] for pair, (a, c) in self.positions.items()},
            "leverage": self.leverage,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `to_json` returned."""
        self.moved = {currency: Decimal(amount) for currency, amount in data["moved"].items()}
        self.positions = {pair: (Decimal(a), Decimal(c)) for pair, (a, c) in data["positions"].items()}
        self.leverage = dict(data["leverage"])


def currencies(pair: str) -> tuple[str, str]:
    """Return (base, quote) of a pair in freqtrade's notation, e.g. BTC/USDT or BTC/USDT:USDT."""
    base, _, quote = pair.partition("/")
    return base, quote.partition(":")[0]
