"""How much of a result hangs on the queue: what each estimate says of the orders that rested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.report.table import Table, money
from freqtrade_ext.text import number

WHOLE = 1 - 1e-9
"""part of the amount from which on an order counts as filled"""
Sureness = Literal["every", "booked", "missed", "none"]
"""filled by every estimate, as booked but not by the strictest, by a looser one only, by none"""


def sureness(order: OrderRow) -> Sureness | None:
    """Return how sure an order's fill is; None for one that did not rest, or without a record."""
    record = order.record
    if record is None or not record.would_fill:
        return None
    by_estimate = [number(found.get("filled")) or 0.0 for found in record.would_fill.values()]
    wanted = order.requested * WHOLE
    if min(by_estimate) >= wanted:
        return "every"
    if order.filled >= wanted:
        return "booked"
    return "missed" if max(by_estimate) >= wanted else "none"


def certainty_tables(trades: Sequence[TradeRow], currency: str, start: float | None) -> list[Table]:
    """Return a table of the orders that rested, and one of the result with and without what is unsure."""
    entries, exits = Counter[Sureness](), Counter[Sureness]()
    for order in (order for trade in trades for order in trade.orders):
        if (found := sureness(order)) is not None:
            (entries if order.is_entry else exits)[found] += 1
    rows = [
        (name, f"{counts.total()}", *(f"{counts[kind]}" for kind in ("every", "booked", "missed", "none")))
        for name, counts in (("limit entries", entries), ("limit exits", exits))
        if counts.total()
    ]
    orders = Table(
        title="How sure the resting orders are",
        note=" ".join(_sentence(name, counts) for name, counts in (("entries", entries), ("exits", exits))),
        head=("Rested", "Count", "By every estimate", "As booked only", "By a looser one", "By none"),
        rows=rows,
    )
    return [orders, _band(trades, currency, start)]


def _sentence(name: str, counts: Counter[Sureness]) -> str:
    if not counts.total():
        return ""
    return (
        f"Of {counts.total()} limit {name} {counts['every']} fill by every estimate of the queue, "
        f"{counts['booked']} as booked but not by the pessimistic one, {counts['missed']} by none that is "
        f"booked though by a looser one, {counts['none']} by none."
    )


def _band(trades: Sequence[TradeRow], currency: str, start: float | None) -> Table:
    unsure = [trade for trade in trades if any(o.is_entry and sureness(o) == "booked" for o in trade.orders)]
    booked = (start or 0.0) + sum(trade.profit_abs for trade in trades)
    without = booked - sum(trade.profit_abs for trade in unsure)
    low, high = sorted((booked, without))
    return Table(
        title="What hangs on the queue",
        note="Trades whose entry the pessimistic estimate does not fill may never have been.",
        head=(f"{'Balance' if start is not None else 'Profit'} ({currency})", "Amount"),
        rows=[
            ("as booked", money(booked, currency, "-")),
            (f"without {len(unsure)} unsure entries", money(without, currency, "-")),
            ("band", f"{money(low, currency, '-')} to {money(high, currency, '-')}"),
        ]
        if unsure
        else [],
    )
