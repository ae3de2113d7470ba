"""All figures of a report, computed from plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from freqtrade_ext.report.costs import Cost, backtest_fee, cost_of, half_spread, slippage
from freqtrade_ext.report.results import (
    EquityPoint,
    LeftBehind,
    Result,
    equity,
    last_rates,
    left_behind,
    result_of,
)
from freqtrade_ext.report.rows import OrderRow, TradeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is shown, of trades in one stake currency."""

    currency: str
    start: float | None
    """balance before the first trade, stake currency; None where unknown"""
    closed: Sequence[TradeRow]
    open: Sequence[TradeRow]
    orders: Sequence[OrderRow]
    left_out: int
    """trades in another stake currency"""
    result: Result | None
    """None before the first trade has closed"""
    cost: Cost | None
    """None where no fill carries a record"""
    points: Sequence[EquityPoint]
    has_claims: bool
    left: Mapping[str, LeftBehind]
    """pair -> what its closed trades have left in coins"""

    @property
    def left_abs(self) -> float:
        """Value of all coins left behind, in stake currency."""
        return sum(left.value for left in self.left.values())

    @property
    def fee(self) -> float | None:
        """Ratio per side that makes a backtest cost as much as was observed."""
        return backtest_fee(self.cost)

    @property
    def costs_of_closed(self) -> dict[str, float]:
        """What the closed trades paid, in stake currency; half spread and slippage where they are known."""
        fills = [fill for trade in self.closed for fill in trade.fills]
        return {
            "half spread": sum(half_spread(fill) or 0.0 for fill in fills),
            "slippage": sum(slippage(fill) or 0.0 for fill in fills),
            "fees": sum(fill.fee_value for fill in fills),
        }

    @property
    def drawdown(self) -> tuple[float, float]:
        """Return the deepest (absolute, ratio) of all points; not always the same point's."""
        return (
            max((point.drawdown_abs for point in self.points), default=0.0),
            max((point.drawdown_ratio for point in self.points), default=0.0),
        )


def make_report(trades: Sequence[TradeRow], start: float | None) -> Report:
    """
    Compute all figures.

    :param trades: oldest first; the newest one's stake currency is reported on.
    :param start: balance before the first trade, in that currency.
    """
    currency = trades[-1].currency if trades else ""
    own = [trade for trade in trades if trade.currency == currency]
    closed = sorted((trade for trade in own if not trade.is_open), key=lambda trade: (trade.closed, trade.id))
    orders = [order for trade in own for order in trade.orders]
    rates = last_rates(own)
    return Report(
        currency=currency,
        start=start,
        closed=closed,
        open=[trade for trade in own if trade.is_open],
        orders=orders,
        left_out=len(trades) - len(own),
        result=result_of(closed) if closed else None,
        cost=cost_of(orders),
        points=equity(closed, start, rates),
        left=left_behind(closed, rates),
        has_claims=any(order.record and order.record.stock_average for order in orders),
    )
