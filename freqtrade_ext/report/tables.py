"""The figures in words and digits: tables, drawn alike by the page and by the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from freqtrade.util import decimals_per_coin

from freqtrade_ext.decide.text import rate_text
from freqtrade_ext.report.costs import (
    Cost,
    costs_by,
    fees_by_currency,
    hour,
    latencies,
    size_step,
)
from freqtrade_ext.report.results import (
    Result,
    claimed_abs,
    exits_by_reason,
    regime,
    results_by,
    split,
)
from freqtrade_ext.report.rows import OrderRow, TradeRow

LISTED = 500
"""newest trades and orders that are listed one by one"""

UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    title: str
    note: str
    """what the figures mean, and their formula"""
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[float] = ()
    """one per row, or none"""
    tone: Literal["profit", "cost"] = "cost"


def exits_table(trades: Sequence[TradeRow], currency: str) -> Table:
    found = exits_by_reason(trades)
    rows = [
        (
            exits.reason,
            f"{exits.exits}",
            percent(exits.planned_share, 0),
            percent(exits.sold_share, 0),
            bps(exits.level_bps),
            money(exits.profit_abs, currency),
        )
        for exits in found
    ]
    return Table(
        title="Exits against plan",
        note="Planned and sold: mean part of the position per closed trade with a plan. From the level: "
        "average rate against the plan's target, or against the stop where it stood last; positive is worse.",
        head=("Way out", "Exits", "Planned", "Sold", "From the level", "Profit"),
        rows=rows,
        bars=[exits.profit_abs for exits in found],
        tone="profit",
    )


def results_tables(closed: Sequence[TradeRow], currency: str) -> list[Table]:
    """Closed trades by what they were decided on, and by pair."""
    note = (
        "Closed trades, after all costs. Mean: of the trades' profits, each as percent of its stake. "
        "Claimed: what a naive dry-run would have shown."
    )
    groups = {
        "Results by regime": ("Regime at entry", results_by(closed, regime)),
        "Results by split": ("Split TP1 / TP2 / TP3", results_by(closed, split)),
        "Results by pair": ("Pair", results_by(closed, lambda trade: trade.pair)),
    }
    return [_results(title, note, head, found, currency) for title, (head, found) in groups.items()]


def slippage_tables(orders: Sequence[OrderRow], currency: str) -> list[Table]:
    """Slippage by size, side, pair and hour."""
    sizes = costs_by(orders, size_step)
    groups: dict[str, tuple[str, Mapping[str, Cost]]] = {
        f"Slippage by size ({currency})": (
            "Cost of the order",
            {f"{low:,g} to {high:,g}": cost for (low, high), cost in sizes.items()},
        ),
        "Slippage by side": ("Side", costs_by(orders, _side)),
        "Slippage by pair": ("Pair", costs_by(orders, lambda order: order.pair)),
        "Slippage by hour": ("Hour (UTC)", costs_by(orders, hour)),
    }
    return [_slippage(title, head, found, currency) for title, (head, found) in groups.items()]


def shortfall_table(orders: Sequence[OrderRow], currency: str) -> Table:
    found = costs_by(orders, lambda order: "entries" if order.is_entry else "exits")
    found |= costs_by(orders, lambda order: "all fills")
    rows = [
        (
            label,
            f"{cost.fills}",
            money(cost.decided, currency, "-"),
            money(cost.slippage, currency),
            money(cost.fees, currency),
            money(cost.shortfall, currency),
            bps(cost.shortfall_bps),
        )
        for label, cost in found.items()
    ]
    return Table(
        title="Implementation shortfall",
        note="From the decision to the fill: slippage + fees, and their sum against the value at the rates "
        "decided on. The sum per value of all fills is the fee for backtests.",
        head=("Fills", "Count", "Value decided", "Slippage", "Fees", "Shortfall", "Per value"),
        rows=rows,
        bars=[cost.shortfall_bps for cost in found.values()],
    )


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
        "latency_ms; the age of the book compares two clocks.",
        head=("What", "Orders", "p50", "p90", "p99", "Worst"),
        rows=rows,
    )


def unfilled_table(orders: Sequence[OrderRow]) -> Table:
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
        note="What a naive dry-run would have filled all the same. Amounts in base units, newest first.",
        head=("Time (UTC)", "Pair", "Side", "Tag", "Asked", "Filled", "Ended", "Why"),
        rows=rows,
    )


def open_table(trades: Sequence[TradeRow], currency: str) -> Table:
    rows = [
        (
            f"#{trade.id} {trade.pair}",
            _direction(trade),
            f"{trade.opened:%Y-%m-%d %H:%M}",
            rate_text(trade.open_rate),
            UNKNOWN if trade.stop_rate is None else rate_text(trade.stop_rate),
            money(trade.stake_amount, currency, "-"),
            money(trade.profit_abs, currency),
        )
        for trade in trades
    ]
    return Table(
        title="Open trades",
        note="Not part of the result above. Booked: what partial exits have earned so far.",
        head=("Trade", "Direction", "Opened (UTC)", "Entry rate", "Stop", "Stake", "Booked"),
        rows=rows,
    )


def trades_table(closed: Sequence[TradeRow], currency: str) -> Table:
    newest = closed[: -LISTED - 1 : -1]
    rows = [
        (
            f"#{trade.id} {trade.pair}",
            _direction(trade),
            f"{trade.opened:%Y-%m-%d %H:%M}",
            f"{trade.closed:%Y-%m-%d %H:%M}",
            money(trade.stake_amount, currency, "-"),
            money(trade.profit_abs, currency),
            percent(trade.profit_ratio, 2, "+"),
            money(claimed_abs(trade), currency),
            trade.exit_reason or UNKNOWN,
        )
        for trade in newest
    ]
    return Table(
        title="Closed trades",
        note=f"Newest first, at most {LISTED}. Claimed: what a naive dry-run would have shown.",
        head=(
            "Trade",
            "Direction",
            "Opened (UTC)",
            "Closed",
            "Stake",
            "Profit",
            "Ratio",
            "Claimed",
            "Reason",
        ),
        rows=rows,
        bars=[trade.profit_abs for trade in newest],
        tone="profit",
    )


def money(value: float, currency: str, sign: str = "+") -> str:
    """:param sign: `+` shows it always, `-` only where it is a minus."""
    return f"{value:{sign}z,.{decimals_per_coin(currency)}f}"


def percent(ratio: float | None, decimals: int, sign: str = "-") -> str:
    """:param sign: `+` shows it always, `-` only where it is a minus."""
    return UNKNOWN if ratio is None else f"{100 * ratio:{sign}z.{decimals}f} %"


def bps(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:+z.2f} bps"


def _results(title: str, note: str, head: str, found: Mapping[str, Result], currency: str) -> Table:
    rows = [
        (
            label,
            f"{result.trades}",
            percent(result.win_ratio, 0),
            percent(result.mean_ratio, 2, "+"),
            money(result.profit_abs, currency),
            money(result.claimed_abs, currency),
        )
        for label, result in found.items()
    ]
    return Table(
        title=title,
        note=note,
        head=(head, "Trades", "Won", "Mean", "Profit", "Claimed"),
        rows=rows,
        bars=[result.profit_abs for result in found.values()],
        tone="profit",
    )


def _slippage(title: str, head: str, found: Mapping[str, Cost], currency: str) -> Table:
    rows = [
        (
            label,
            f"{cost.fills}",
            bps(cost.slippage_bps),
            bps(cost.median_bps),
            bps(cost.worst_bps),
            money(cost.slippage, currency),
        )
        for label, cost in found.items()
    ]
    return Table(
        title=title,
        note="Average rate against the rate decided on, positive is worse; the mean weighs by value.",
        head=(head, "Fills", "Mean", "Median", "Worst", "Cost"),
        rows=rows,
        bars=[cost.slippage_bps for cost in found.values()],
    )


def _side(order: OrderRow) -> str:
    return order.side


def _direction(trade: TradeRow) -> str:
    return "short" if trade.is_short else "long"


def _when(order: OrderRow) -> str:
    return f"{order.time:%Y-%m-%d %H:%M}" if order.time else UNKNOWN
