"""What the trades earned, what a naive dry-run would have claimed, and what is left in coins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from freqtrade_ext.report.rows import TradeRow

NOTHING = 1e-12
"""base units: what sums of floats leave"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The account after a trade has closed; stake currency."""

    time: datetime
    trade_id: int
    balance: float
    """start + cash in and out so far + coins left behind, at their last rate"""
    claimed: float
    """the same with the profits that a naive dry-run would have shown"""
    drawdown_abs: float
    """below the highest balance so far; 0 at a new high"""
    drawdown_ratio: float
    """of that highest balance; 0 where the start is unknown"""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Coins of a pair that fees and lots kept from being sold."""

    amount: float
    """base units"""
    value: float
    """stake currency, at the rate of the pair's newest fill"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Of some closed trades; `_abs` in stake currency."""

    trades: int
    winners: int
    profit_abs: float
    """cash in and out"""
    claimed_abs: float
    mean_ratio: float
    """mean of the trades' profits, each as a ratio of its stake"""

    @property
    def win_ratio(self) -> float:
        return self.winners / self.trades


def claimed_abs(trade: TradeRow) -> float:
    """
    Return the profit that freqtrade's own dry-run would have shown, in stake currency.

    Its own profit + sum over fills of
    direction * filled * (average - stock_average) * (1 + direction * fee_ratio).
    Fills for which stock freqtrade's answer is not on record count as they are.
    """
    return trade.booked_abs + sum(
        fill.direction
        * fill.filled
        * (fill.average - fill.record.stock_average)
        * (1 + fill.direction * fill.fee_ratio)
        for fill in trade.fills
        if fill.record and fill.record.stock_average
    )


def last_rates(trades: Iterable[TradeRow]) -> dict[str, float]:
    """Return pair -> rate of its newest fill, quote per base."""
    fills = [(fill.time, fill) for trade in trades for fill in trade.fills if fill.time]
    return {fill.pair: fill.average for _, fill in sorted(fills, key=lambda known: known[0])}


def left_behind(closed: Iterable[TradeRow], rates: Mapping[str, float]) -> dict[str, LeftBehind]:
    """
    Sum what closed trades have left of their pairs' coins, where anything is left.

    :param rates: pair -> quote per base.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for trade in closed:
        sums[trade.pair] += trade.left_amount
    found = {pair: LeftBehind(amount, amount * rates.get(pair, 0.0)) for pair, amount in sorted(sums.items())}
    return {pair: left for pair, left in found.items() if abs(left.amount) > NOTHING}


def result_of(trades: Sequence[TradeRow]) -> Result:
    """:param trades: closed ones, at least one."""
    return Result(
        trades=len(trades),
        winners=sum(trade.profit_abs > 0 for trade in trades),
        profit_abs=sum(trade.profit_abs for trade in trades),
        claimed_abs=sum(map(claimed_abs, trades)),
        mean_ratio=sum(trade.profit_ratio for trade in trades) / len(trades),
    )


def results_by(trades: Iterable[TradeRow], key: Callable[[TradeRow], str]) -> dict[str, Result]:
    groups: defaultdict[str, list[TradeRow]] = defaultdict(list)
    for trade in trades:
        groups[key(trade)].append(trade)
    return {label: result_of(groups[label]) for label in sorted(groups)}


def regime(trade: TradeRow) -> str:
    return trade.regime or "not recorded"


def split(trade: TradeRow) -> str:
    return " / ".join(f"{share:g}" for share in trade.plan.shares) if trade.plan else "no plan"


def equity(
    trades: Iterable[TradeRow], start: float | None, rates: Mapping[str, float] | None = None
) -> list[EquityPoint]:
    """
    Follow the account from close to close.

    :param trades: closed ones.
    :param start: balance before the first; None where unknown, then balances are profits alone.
    :param rates: pair -> quote per base, by which coins left behind are valued; nothing where left out.
    """
    balance = claimed = peak = start or 0.0
    points = []
    for trade in sorted(trades, key=lambda trade: (trade.closed, trade.id)):
        balance += trade.profit_abs + trade.left_amount * (rates or {}).get(trade.pair, 0.0)
        claimed += claimed_abs(trade)
        peak = max(peak, balance)
        points.append(
            EquityPoint(
                time=trade.closed,
                trade_id=trade.id,
                balance=balance,
                claimed=claimed,
                drawdown_abs=peak - balance,
                drawdown_ratio=(peak - balance) / peak if start and peak else 0.0,
            )
        )
    return points
