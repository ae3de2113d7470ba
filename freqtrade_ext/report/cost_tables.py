"""Tables of what execution cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from freqtrade_ext.report.costs import (
    Cost,
    costs_by,
    fees_by_currency,
    hour,
    latencies,
    size_step,
    unfilled_value,
)
from freqtrade_ext.report.rows import OrderRow
from freqtrade_ext.report.table import LISTED, UNKNOWN, Table, bps, money, percent


def shortfall_table(orders: Sequence[OrderRow], currency: str) -> Table:
    found = costs_by(orders, lambda order: "entries" if order.is_entry else "exits")
    found |= costs_by(orders, lambda order: "all fills")
    rows = [
        (
            label,
            f"{cost.fills}",
            money(cost.decided, currency, "-"),
            UNKNOWN if cost.half_spread is None else money(-cost.half_spread, currency),
            money(-cost.slippage, currency),
            money(-cost.fees, currency),
            money(-cost.shortfall, currency),
            f"{-cost.shortfall_bps:+z.2f}",
        )
        for label, cost in found.items()
    ]
    return Table(
        title="Implementation shortfall",
        note="From the middle of the book at the decision to the fill. Half spread: the rate decided on "
        "against the middle; limit orders gain it. Slippage: the fill against the rate decided on. With "
        "fees, of all fills, in bps of their value: the fee for backtests, which fill in the middle.",
        head=("Fills", "Count", "Value", "Half spread", "Slippage", "Fees", "Sum", "bps"),
        rows=rows,
        bars=[-cost.shortfall_bps for cost in found.values()],
    )


def slippage_tables(orders: Sequence[OrderRow], currency: str) -> list[Table]:
    """Slippage by size, side, pair and hour."""
    sizes = costs_by(orders, size_step)
    groups: dict[str, tuple[str, Mapping[str, Cost]]] = {
        f"Slippage by size ({currency})": (
            "Cost of the order",
            {f"{low:,g} to {high:,g}": cost for (low, high), cost in sizes.items()},
        ),
        "Slippage by side": ("Side", costs_by(orders, lambda order: order.side)),
        "Slippage by pair": ("Pair", costs_by(orders, lambda order: order.pair)),
        "Slippage by hour": ("Hour (UTC)", costs_by(orders, hour)),
    }
    return [_slippage(title, head, found, currency) for title, (head, found) in groups.items()]


def fees_table(orders: Sequence[OrderRow], currency: str) -> Table:
    rows = [
        (
            fee.currency or UNKNOWN,
            f"{fee.fills}",
            UNKNOWN if fee.paid is None else f"{fee.paid:.8g}",
            money(fee.value, currency, "-"),
            money(fee.traded, currency, "-"),
            percent(fee.value / fee.traded, 4),
        )
        for fee in fees_by_currency(orders)
    ]
    return Table(
        title="Fees",
        note="By the currency they were paid in. Value: the fill's cost times its fee ratio, in stake units.",
        head=("Paid in", "Fills", "Paid", "Value", "Traded", "Ratio"),
        rows=rows,
    )


def latency_table(orders: Sequence[OrderRow]) -> Table:
    rows = [
        (
            found.what,
            f"{found.fills}",
            *(f"{ms:,.0f}" for ms in (found.p50, found.p90, found.p99, found.worst)),
        )
        for found in latencies(orders)
    ]
    return Table(
        title="Latency (ms)",
        note="Nearest-rank percentiles. On paper the way to the exchange and back is drawn from the setting "
        "latency_ms; the time of a book by WebSocket is the exchange's, put on the local clock.",
        head=("What", "Orders", "p50", "p90", "p99", "Worst"),
        rows=rows,
    )


def unfilled_table(orders: Sequence[OrderRow], currency: str) -> Table:
    """Orders of which a part, or all, was never filled."""
    short = [
        order for order in orders if order.status != "open" and order.requested > order.filled * (1 + 1e-9)
    ]
    rows = [
        (
            _when(order),
            order.pair,
            order.side,
            order.tag,
            f"{order.requested:.8g}",
            f"{order.filled:.8g}",
            order.status,
            order.record.reason if order.record else "",
        )
        for order in short[: -LISTED - 1 : -1]
    ]
    return Table(
        title="Orders not filled completely",
        note="What a naive dry-run would have filled all the same. Missing, at the rates decided on: "
        f"{money(unfilled_value(orders), currency, '-')} {currency}. Amounts in base units, newest first.",
        head=("Time (UTC)", "Pair", "Side", "Tag", "Asked", "Filled", "Ended", "Why"),
        rows=rows,
    )


def _slippage(title: str, head: str, found: Mapping[str, Cost], currency: str) -> Table:
    rows = [
        (
            label,
            f"{cost.fills}",
            bps(-cost.slippage_bps),
            bps(-cost.median_bps),
            bps(-cost.worst_bps),
            money(-cost.slippage, currency),
        )
        for label, cost in found.items()
    ]
    return Table(
        title=title,
        note="Average rate against the rate decided on, minus is worse for you; the mean weighs by value.",
        head=(head, "Fills", "Mean", "Median", "Worst", "Cost"),
        rows=rows,
        bars=[-cost.slippage_bps for cost in found.values()],
    )


def _when(order: OrderRow) -> str:
    return f"{order.time:%Y-%m-%d %H:%M}" if order.time else UNKNOWN
