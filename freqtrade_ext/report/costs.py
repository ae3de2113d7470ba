"""
What execution cost, from the fills that carry a record of the rate they were decided on.

For one fill, with direction 1 for buys and -1 for sells, in quote units:
decided = filled * decision_rate
half spread = direction * filled * (decision_rate - mid_rate), 0 where the middle is unknown
slippage = direction * filled * (average - decision_rate)
fee = filled * average * fee_ratio
shortfall = half spread + slippage + fee (Perold's implementation shortfall, from the decision to the fill)
A ratio of several fills is the sum over the sum, so each weighs with its size.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.report.rows import OrderRow

K = TypeVar("K", bound=Any)
"""can be sorted"""

ROUNDING = 1e-12
"""ratio of two rates that differ by floating point alone; a picture scaled to its data would show it"""

LATENCIES: dict[str, Callable[[FillRecord], float | None]] = {
    "order to the exchange": lambda record: record.entry_latency_ms,
    "answer back": lambda record: record.response_latency_ms,
    "decision to arrival, by the clock": lambda record: _difference(record.arrival_ms, record.decision_ms),
    "arrival to the book used": lambda record: _difference(record.book_ms, record.arrival_ms),
    "the same, by WebSocket": lambda record: (
        None if record.book_stamp_ms is None else _difference(record.book_ms, record.arrival_ms)
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of some fills, in quote units."""

    fills: int
    decided: float
    half_spread: float | None
    """negative where limit orders gained it; None where no fill knows the middle"""
    slippage: float
    fees: float
    median_bps: float
    """slippage of the fill in the middle"""
    worst_bps: float

    @property
    def shortfall(self) -> float:
        return (self.half_spread or 0.0) + self.slippage + self.fees

    @property
    def slippage_bps(self) -> float:
        return 1e4 * self.slippage / self.decided

    @property
    def fees_bps(self) -> float:
        return 1e4 * self.fees / self.decided

    @property
    def shortfall_bps(self) -> float:
        return 1e4 * self.shortfall / self.decided


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSum:
    """Fees paid in one currency."""

    currency: str
    fills: int
    paid: float | None
    """units of the currency; None where only their value is known"""
    value: float
    """quote units"""
    traded: float
    """quote units"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """In ms."""

    what: str
    fills: int
    p50: float
    p90: float
    p99: float
    worst: float


def slippage(order: OrderRow) -> float | None:
    """Return quote units, positive where the fill was worse than decided; None where that is unknown."""
    if order.record is None or not order.cost:
        return None
    if math.isclose(order.average, order.record.decision_rate, rel_tol=ROUNDING):
        return 0.0
    return order.direction * order.filled * (order.average - order.record.decision_rate)


def half_spread(order: OrderRow) -> float | None:
    """Return quote units that the rate decided on was worse than the middle; None where that is unknown."""
    record = order.record
    if record is None or record.mid_rate is None or not order.cost:
        return None
    return order.direction * order.filled * (record.decision_rate - record.mid_rate)


def half_spread_bps(order: OrderRow) -> float | None:
    return _of_decided(order, half_spread(order))


def slippage_bps(order: OrderRow) -> float | None:
    return _of_decided(order, slippage(order))


def _of_decided(order: OrderRow, cost: float | None) -> float | None:
    if cost is None or order.record is None:
        return None
    return 1e4 * cost / (order.filled * order.record.decision_rate)


def cost_of(orders: Iterable[OrderRow]) -> Cost | None:
    """Add up the fills that carry a record; None if there are none."""
    known = [order for order in orders if order.record and order.cost]
    spreads = [spread for spread in map(half_spread, known) if spread is not None]
    each_bps = [bps for bps in map(slippage_bps, known) if bps is not None]
    if not each_bps:
        return None
    return Cost(
        fills=len(known),
        decided=sum(order.filled * order.record.decision_rate for order in known if order.record),
        half_spread=sum(spreads) if spreads else None,
        slippage=sum(slippage(order) or 0.0 for order in known),
        fees=sum(order.fee_value for order in known),
        median_bps=statistics.median(each_bps),
        worst_bps=max(each_bps),
    )


def costs_by(orders: Iterable[OrderRow], key: Callable[[OrderRow], K]) -> dict[K, Cost]:
    """Add up by group; groups in the order of their keys."""
    groups: defaultdict[K, list[OrderRow]] = defaultdict(list)
    for order in orders:
        if order.cost:
            groups[key(order)].append(order)
    return {label: cost for label in sorted(groups) if (cost := cost_of(groups[label]))}


def hour(order: OrderRow) -> str:
    """Return the hour (UTC) of the decision, or of the fill where only that is known."""
    if order.record and order.record.decision_ms is not None:
        return f"{int(order.record.decision_ms // 3_600_000) % 24:02}"
    return f"{order.time:%H}" if order.time else "unknown"


def size_step(order: OrderRow) -> tuple[float, float]:
    """Return the step of 1, 2, 5, 10, 20 ... quote units that the cost falls into: [from, to)."""
    decade = 10.0 ** math.floor(math.log10(order.cost))
    steps = pairwise(decade * factor for factor in (1, 2, 5, 10, 20))
    return next((low, high) for low, high in steps if order.cost < high)


def backtest_fee(cost: Cost | None) -> float | None:
    """
    Return the `fee` with which a backtest costs as much as was observed.

    freqtrade's backtest fills at the candle's rate, which is as often a bid as an ask, and takes `fee` of
    each side's value (2026.9 optimize/backtesting.py), so that its costs are fee * decided; observed was the
    shortfall from the middle. Hence fee = shortfall / decided.

    :return: ratio per side; 0 where execution earned money, as freqtrade accepts no negative fee.
    """
    return None if cost is None else max(0.0, cost.shortfall / cost.decided)


def unfilled_value(orders: Iterable[OrderRow]) -> float:
    """Value what was asked for and never filled, at the rates decided on; quote units."""
    return sum(
        max(0.0, order.requested - order.filled) * order.record.decision_rate
        for order in orders
        if order.record and order.status != "open"
    )


def fees_by_currency(orders: Iterable[OrderRow]) -> list[FeeSum]:
    """Add up fees by the currency they were paid in; orders without a record count with freqtrade's ratio."""
    groups: defaultdict[str, list[OrderRow]] = defaultdict(list)
    for order in orders:
        if order.cost:
            groups[order.fee_currency].append(order)
    return [_fee_sum(currency, group) for currency, group in sorted(groups.items())]


def latencies(orders: Sequence[OrderRow]) -> list[Latency]:
    records = [order.record for order in orders if order.record]
    found = []
    for what, of in LATENCIES.items():
        values = sorted(value for value in map(of, records) if value is not None)
        if values:
            p50, p90, p99 = (percentile(values, ratio) for ratio in (0.50, 0.90, 0.99))
            found.append(Latency(what=what, fills=len(values), p50=p50, p90=p90, p99=p99, worst=values[-1]))
    return found


def percentile(rising: Sequence[float], ratio: float) -> float:
    """Return the smallest value that at least this part of all do not exceed (nearest rank)."""
    return rising[max(0, math.ceil(ratio * len(rising)) - 1)]


def _fee_sum(currency: str, orders: Sequence[OrderRow]) -> FeeSum:
    paid = [_fee_paid(order) for order in orders]
    return FeeSum(
        currency=currency,
        fills=len(orders),
        paid=None if None in paid else sum(cost for cost in paid if cost is not None),
        value=sum(order.fee_value for order in orders),
        traded=sum(order.cost for order in orders),
    )


def _fee_paid(order: OrderRow) -> float | None:
    """In units of the fee's currency."""
    if order.record and order.record.fee_cost is not None and order.record.fee_currency:
        return order.record.fee_cost
    base, _, quote = order.pair.partition("/")
    if order.fee_currency == quote.partition(":")[0]:
        return order.fee_value
    return order.filled * order.fee_ratio if order.fee_currency == base else None


def _difference(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else later - earlier
