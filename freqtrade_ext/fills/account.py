"""The paper account: what every fill and fee did to the balances."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.funding import Funding, FundingRate


class Account:
    """
    Balances per asset, and on futures the position per pair.

    Sums are kept as decimals, so that no sequence of fills loses or makes money by rounding, and ten
    buys of 0.1 are sold by one of 1. Spot moves base and quote; futures move quote by realised profit,
    fees and funding alone.

    :param is_cross: all positions share the balance as margin; else each has its own (isolated).
    """

    def __init__(
        self, start: Mapping[str, float], *, is_futures: bool = False, is_cross: bool = False
    ) -> None:
        self.start = {currency: _exact(amount) for currency, amount in start.items()}
        self.moved: dict[str, Decimal] = {}
        """what fills and fees changed since the start"""
        self.positions: dict[str, tuple[Decimal, Decimal]] = {}
        """futures: pair -> (amount, negative when short; cost of it in quote units)"""
        self.leverage: dict[str, float] = {}
        """futures: pair -> leverage of the position"""
        self.is_futures, self.is_cross = is_futures, is_cross
        self.funding = Funding()

    def total(self, currency: str) -> float:
        return float(self.start.get(currency, Decimal(0)) + self.moved.get(currency, Decimal(0)))

    def margin_in(self, currency: str) -> float:
        """Units of the currency tied up in futures positions, at entry cost."""
        return sum(
            float(abs(cost)) / self.leverage[pair]
            for pair, (_, cost) in self.positions.items()
            if currencies(pair)[1] == currency
        )

    def margin(self, pair: str) -> float:
        """Quote units that a position ties up."""
        return abs(float(self.positions[pair][1])) / self.leverage[pair]

    def profit(self, pair: str, mark: float) -> float:
        """Unrealized profit of a position at a mark price, quote units."""
        amount, cost = self.positions[pair]
        return float(amount) * mark - float(cost)

    def fund(self, pair: str, rates: list[FundingRate], until_ms: int) -> float:
        """Pay or receive what was due at these times; return the sum, negative where paid."""
        held, _ = self.positions.get(pair, (Decimal(0), Decimal(0)))
        payments = self.funding.settle(pair, held, rates, until_ms)
        total = sum((paid for _, paid in payments), Decimal(0))
        self._move(currencies(pair)[1], total)
        return float(total)

    def trade(
        self,
        pair: str,
        side: BuySell,
        amount: float,
        cost: float,
        leverage: float = 1.0,
        time_ms: int | None = None,
    ) -> None:
        """
        Book one execution of `amount` base units for `cost` quote units.

        :param time_ms: when, for futures: fundings are paid on what was held then.
        """
        base, quote = currencies(pair)
        sign = 1 if side == "buy" else -1
        if self.is_futures:
            held, _ = self.positions.get(pair, (Decimal(0), Decimal(0)))
            if held * sign >= 0:  # an order that reduces leaves the position's leverage alone
                self.leverage[pair] = leverage
            if time_ms is not None:
                self.funding.moved(pair, time_ms, sign * _exact(amount), held)
            self._move_position(pair, quote, sign * _exact(amount), sign * _exact(cost))
        else:
            self._move(base, sign * _exact(amount))
            self._move(quote, -sign * _exact(cost))

    def pay(self, fee: Fee) -> None:
        self._move(fee.currency, -_exact(fee.cost))

    def _move(self, currency: str, amount: Decimal) -> None:
        self.moved[currency] = self.moved.get(currency, Decimal(0)) + amount

    def _move_position(self, pair: str, quote: str, amount: Decimal, cost: Decimal) -> None:
        """Add to the position, or reduce it and realise the profit of the part that closes."""
        held, held_cost = self.positions.get(pair, (Decimal(0), Decimal(0)))
        if held * amount < 0:
            closed = min(abs(amount), abs(held)).copy_sign(amount)
            entry_cost, exit_cost = held_cost * (-closed / held), cost * (closed / amount)
            self._move(quote, -exit_cost - entry_cost)
            held, held_cost = held + closed, held_cost - entry_cost
            amount, cost = amount - closed, cost - exit_cost
        self.positions[pair] = (held + amount, held_cost + cost)
        if not self.positions[pair][0]:
            del self.positions[pair]

    def to_json(self) -> dict[str, Any]:
        return {
            "moved": {currency: str(amount) for currency, amount in self.moved.items()},
            "positions": {pair: [str(a), str(c)] for pair, (a, c) in self.positions.items()},
            "leverage": self.leverage,
            "funding": self.funding.to_json(),
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Restore what `to_json` returned."""
        self.moved = {currency: Decimal(amount) for currency, amount in data["moved"].items()}
        self.positions = {pair: (Decimal(a), Decimal(c)) for pair, (a, c) in data["positions"].items()}
        self.leverage = dict(data["leverage"])
        if "funding" in data:
            self.funding.restore(data["funding"])


def _exact(number: float) -> Decimal:
    """Convert via repr, so 0.1 is exactly 0.1: lots and ticks are decimals."""
    return Decimal(repr(float(number)))


def currencies(pair: str) -> tuple[str, str]:
    """Return (base, quote) of a pair in freqtrade's notation, e.g. BTC/USDT or BTC/USDT:USDT."""
    base, _, quote = pair.partition("/")
    return base, quote.partition(":")[0]
