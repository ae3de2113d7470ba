"""Errors of predictions, and their figures."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import Any

import numpy as np

from freqtrade_ext.execute.book import BuySell, Level

STOCK_LEVELS = 20
"""freqtrade 2026.9 asks for this many (`get_dry_market_fill_price` in `exchange/exchange.py`)"""
STOCK_CLAMP = 0.05
"""largest slippage its dry-run market orders can have (`create_dry_run_order`)"""
WITHIN_BPS = 0.1
LARGE_COST = 5_000.0
"""quote units"""
GROUPS = ("all", "multi_level", "ge_5k")


def stock_average(levels: Any, amount: float, side: BuySell, digits: int) -> float:
    """
    Predict as stock freqtrade 2026.9 does, line by line `Exchange.get_dry_market_fill_price`.

    The last of 20 levels is endless, the average at most 5 % off the best rate, and rounded to the tick.

    :param levels: of the opposite side, best first, at least one.
    :param digits: decimals of the tick.
    """
    remaining, value, best, rate = amount, 0.0, 0.0, 0.0
    for rate, shown in islice(levels, STOCK_LEVELS):
        best = best or rate
        if remaining <= 0:
            break
        if remaining < shown:
            value += remaining * rate
            break
        value += shown * rate
        remaining -= shown
    else:
        value += remaining * rate
    average = max(value, 0.0) / amount
    clamped = (
        min(average, best * (1 + STOCK_CLAMP)) if side == "buy" else max(average, best * (1 - STOCK_CLAMP))
    )
    return round(clamped, digits)


class Scores:
    """Errors in bps by group of sweeps and method: 8 bytes each, so that percentiles are exact."""

    def __init__(self, methods: tuple[str, ...]) -> None:
        self.errors = {group: {method: array("d") for method in methods} for group in GROUPS}

    def add(self, fills: list[Level], sign: int, predicted: dict[str, float]) -> None:
        """
        Compare predicted averages with what was printed.

        :param sign: 1 where the taker bought.
        """
        cost = sum(rate * amount for rate, amount in fills)
        actual = cost / sum(amount for _, amount in fills)
        groups = ["all"]
        if any(rate != fills[0][0] for rate, _ in fills):
            groups.append("multi_level")
        if cost >= LARGE_COST:
            groups.append("ge_5k")
        for method, rate in predicted.items():
            error = 1e4 * sign * (actual - rate) / actual
            for group in groups:
                self.errors[group][method].append(error)

    def figures(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {
            group: {method: figures(errors) for method, errors in methods.items()}
            for group, methods in self.errors.items()
        }


def figures(errors: array[float]) -> dict[str, Any]:
    """Describe errors in bps; None stands for a figure of nothing."""
    names = ("mean_bps", "mae_bps", "p1_bps", "p50_bps", "p99_bps", "share_within_0.1bp")
    if not errors:
        return {"n": 0, **dict.fromkeys(names)}
    bps = np.frombuffer(errors)
    size = np.abs(bps)
    values = (bps.mean(), size.mean(), *np.percentile(bps, (1, 50, 99)), (size <= WITHIN_BPS).mean())
    return {"n": len(errors), **{name: float(value) for name, value in zip(names, values, strict=True)}}
