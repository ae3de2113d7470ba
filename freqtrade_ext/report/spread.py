"""What a strategy earned on many markets: how often it loses, how deep it falls, what costs make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

import numpy as np

from freqtrade_ext.report.figures import Report
from freqtrade_ext.report.results import regime, results_by
from freqtrade_ext.report.table import Table, percent

THIRD = 1 / 3
QUANTILES = (0.05, 0.5, 0.95)
SURE = 1.96
"""standard errors either side of an interval of 95 %"""
Market = Mapping[str, Any]
"""what `market_figures` returns"""


def market_figures(report: Report) -> dict[str, Any]:
    """Return of one market, as plain values, what a comparison of many needs; sums in stake currency."""
    start = report.start or 0.0
    balances = [start, *(point.balance for point in report.points)]
    regimes = {
        name: {"trades": found.trades, "winners": found.winners, "profit_abs": found.profit_abs}
        for name, found in results_by(report.closed, regime).items()
    }
    return {
        "currency": report.currency,
        "start": start,
        "profit_abs": balances[-1] - start,
        "lowest": min(balances),
        "worst_fall": report.drawdown[1],
        "trades": len(report.closed),
        "open": len(report.open),
        "costs": report.costs_of_closed,
        "regimes": regimes,
    }


def spread_of(markets: Sequence[Market]) -> dict[str, Any]:
    """
    Compute what many markets say of a strategy; ratios are of the start balance.

    :param markets: at least one, in an order that does not depend on which was done first.
    """
    profits = [market["profit_abs"] / market["start"] for market in markets]
    costs = {
        name: [market["costs"][name] / market["start"] for market in markets] for name in markets[0]["costs"]
    }
    free = [sum(each) for each in zip(profits, *costs.values(), strict=True)]
    falls = [market["worst_fall"] for market in markets]
    return {
        "markets": len(markets),
        "trades": sum(market["trades"] for market in markets),
        "open_at_the_end": sum(market["open"] for market in markets),
        "profit": _quantiles(profits),
        "loses": _chance([profit < 0 for profit in profits]),
        "loses_a_third": _chance([m["lowest"] <= m["start"] * (1 - THIRD) for m in markets]),
        "worst_fall": {"median": median(falls), "worst": max(falls)},
        "costs": {name: fmean(each) for name, each in costs.items()},
        "without_costs": {"profit": _quantiles(free), "loses": _chance([profit < 0 for profit in free])},
        "regimes": _regimes(markets),
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = (float(value) for value in np.quantile(values, QUANTILES))
    return {"mean": fmean(values), "low": low, "median": middle, "high": high}


def _chance(happened: Sequence[bool]) -> dict[str, float]:
    """Return the share, and the interval of 95 % in which the chance lies (Wilson, 1927)."""
    n, share = len(happened), fmean(happened)
    middle = (share + SURE**2 / (2 * n)) / (1 + SURE**2 / n)
    half = SURE * math.sqrt(share * (1 - share) / n + SURE**2 / (4 * n * n)) / (1 + SURE**2 / n)
    return {"share": share, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0)}


def _regimes(markets: Sequence[Market]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in sorted({name for market in markets for name in market["regimes"]}):
        of = [(market["regimes"][name], market["start"]) for market in markets if name in market["regimes"]]
        found[name] = {
            "trades": sum(part["trades"] for part, _ in of),
            "winners": sum(part["winners"] for part, _ in of),
            "profit": sum(part["profit_abs"] / start for part, start in of) / len(markets),
            "loses": fmean(part["profit_abs"] < 0 for part, _ in of),
        }
    return found


def spread_tables(spread: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a spread: the results, and where they come from."""
    free = spread["without_costs"]
    rows = [
        ("result: mean", _signed(spread["profit"]["mean"]), _signed(free["profit"]["mean"])),
        ("middle market", _signed(spread["profit"]["median"]), _signed(free["profit"]["median"])),
        ("9 of 10 markets within", _within(spread["profit"], _signed), _within(free["profit"], _signed)),
        ("chance of a loss", _share(spread["loses"]), _share(free["loses"])),
        ("chance of losing a third", _share(spread["loses_a_third"]), ""),
        ("worst fall: middle market", percent(spread["worst_fall"]["median"], 1), ""),
        ("worst fall of all", percent(spread["worst_fall"]["worst"], 1), ""),
        *((f"{name}, mean", percent(cost, 2), "") for name, cost in spread["costs"].items()),
    ]
    of_regimes = [
        (
            name,
            f"{part['trades']:,}",
            percent(part["winners"] / part["trades"], 0),
            _signed(part["profit"]),
            percent(part["loses"], 0),
        )
        for name, part in spread["regimes"].items()
    ]
    results = Table(
        title=f"{spread['markets']} markets, {spread['trades']:,} trades",
        note="Percent of the start balance; in brackets, where the chance lies (95 %). A third is lost where "
        "the balance was that low at any time. Without costs: every fill in the middle of the book that the "
        f"bot decided by. {spread['open_at_the_end']} trades were still open at the end and are not counted.",
        head=("", "Paid", "Without costs"),
        rows=rows,
    )
    regimes = Table(
        title="Where it comes from",
        note="Market state at the entry. Result: mean of a market, without coins that lots left behind.",
        head=("Regime", "Trades", "Won", "Result", "Markets in which it lost"),
        rows=of_regimes,
    )
    return [results, regimes]


def _signed(ratio: float) -> str:
    return percent(ratio, 1, "+")


def _within(found: Mapping[str, float], word: Callable[[float], str]) -> str:
    return f"{word(found['low'])} to {word(found['high'])}"


def _share(chance: Mapping[str, float]) -> str:
    within = _within(chance, lambda ratio: f"{100 * ratio:.0f}")
    return f"{percent(chance['share'], 0)} ({within})"
