"""Tables of what the trades earned and how their plans fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from freqtrade_ext.report.exits import exits_by_reason
from freqtrade_ext.report.results import Result, claimed_abs, regime, results_by, split
from freqtrade_ext.report.rows import TradeRow
from freqtrade_ext.report.table import LISTED, UNKNOWN, Table, bps, money, percent
from freqtrade_ext.text import rate_text


def exits_table(trades: Sequence[TradeRow], currency: str) -> Table:
    found = exits_by_reason(trades)
    rows = [
        (
            exits.reason,
            f"{exits.exits}",
            percent(exits.planned_share, 0),
            percent(exits.sold_share, 0),
            bps(None if exits.level_bps is None else -exits.level_bps),
            money(exits.profit_abs, currency),
        )
        for exits in found
    ]
    return Table(
        title="Exits against plan",
        note="Planned and sold: mean part of the position per closed trade with a plan; exits and profits "
        "are those of open trades as well. From the level: average rate against the plan's target, or "
        "against the stop where it stood last; minus is worse for you.",
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


def _direction(trade: TradeRow) -> str:
    return "short" if trade.is_short else "long"
