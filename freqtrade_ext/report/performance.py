"""How good the result is, and how sure: ratios, streaks, time, chance, and merely holding instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from freqtrade_ext.report.rows import TradeRow

FEW = 30
"""closed trades below which chance decides"""
RESAMPLES = 5000
CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Of closed trades; sums in stake currency."""

    profit_factor: float | None
    """what winners won to what losers lost; None without losers"""
    expectancy: float
    """mean profit of a trade"""
    best: TradeRow
    worst: TradeRow
    losing_run: int
    """most losers in a row, by the time they closed"""
    mean_time: timedelta
    """from entry to end"""
    time_share: float
    """part of the time, first entry to last end, in which a trade was open"""


def performance(closed: Sequence[TradeRow]) -> Performance:
    """:param closed: at least one, in the order of their closing."""
    profits = [trade.profit_abs for trade in closed]
    lost = -sum(profit for profit in profits if profit < 0)
    run = longest = 0
    for profit in profits:
        run = run + 1 if profit < 0 else 0
        longest = max(longest, run)
    times = [trade.closed - trade.opened for trade in closed]
    return Performance(
        profit_factor=sum(profit for profit in profits if profit > 0) / lost if lost else None,
        expectancy=sum(profits) / len(profits),
        best=max(closed, key=lambda trade: trade.profit_abs),
        worst=min(closed, key=lambda trade: trade.profit_abs),
        losing_run=longest,
        mean_time=sum(times, timedelta()) / len(times),
        time_share=_covered(closed),
    )


def likely_range(closed: Sequence[TradeRow]) -> tuple[float, float] | None:
    """
    Return between which results the same number of such trades would lie, in stake currency.

    Bootstrap: the trades are drawn again with replacement; the middle 90 % of the sums (Efron, 1979). It
    knows only what happened: another market is not in it.

    :return: None below 30 trades, of which chance decides.
    """
    if len(closed) < FEW:
        return None
    profits = np.array([trade.profit_abs for trade in closed])
    draws = np.random.default_rng(1).choice(profits, (RESAMPLES, len(profits)))
    low, high = np.quantile(draws.sum(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def holding_ratio(trades: Sequence[TradeRow]) -> float | None:
    """
    Return what the same money had gained in the coins traded, in equal parts, as a ratio; fees left out.

    :return: from each pair's first to its last fill; None where no pair has two fills.
    """
    fills = defaultdict(list)
    for trade in trades:
        for fill in trade.fills:
            if fill.time is not None:
                fills[trade.pair].append((fill.time, fill.average))
    changes = []
    for rates in fills.values():
        (first, bought), (last, sold) = min(rates), max(rates)
        if last > first:
            changes.append(sold / bought - 1)
    return sum(changes) / len(changes) if changes else None


def profits_by(closed: Sequence[TradeRow], period: str) -> dict[str, float]:
    """
    Sum profits by when trades closed, in stake currency.

    :param period: of `strftime`, e.g. `%Y-%m` for months.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for trade in closed:
        sums[trade.closed.strftime(period)] += trade.profit_abs
    return dict(sorted(sums.items()))


def _covered(closed: Sequence[TradeRow]) -> float:
    spans = sorted((trade.opened, trade.closed) for trade in closed)
    whole = max(end for _, end in spans) - spans[0][0]
    covered, until = timedelta(), spans[0][0]
    for start, end in spans:
        covered += max(end - max(start, until), timedelta())
        until = max(until, end)
    return covered / whole if whole else 1.0
