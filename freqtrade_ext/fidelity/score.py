"""Errors of predictions, and their figures."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from freqtrade_ext.fidelity.tape import Sweep

COIN_MARGINED = re.compile(r"(\w+)USD_(?:PERP|\d{6})")
WITHIN_BPS = 0.1
LARGE_COST = 5_000.0
"""quote units"""
Errors: TypeAlias = NDArray[np.float64]
"""bps"""


def contract_value(symbol: str) -> float | None:
    """
    Return what a contract of Binance's COIN-M futures is worth, in quote units; None for other markets.

    Their amounts count contracts, of 100 USD for BTC and of 10 USD for all others.
    """
    match = COIN_MARGINED.fullmatch(symbol)
    return None if match is None else 100.0 if match[1] == "BTC" else 10.0


class Scores:
    """What sweeps paid and what was predicted: 64 bytes each, so that percentiles are exact."""

    def __init__(self, methods: Sequence[str]) -> None:
        self._methods = tuple(methods)
        self._rows = array("d")

    def add(self, sweep: Sweep, averages: tuple[float, ...], contract_value: float | None = None) -> None:
        """
        Add a sweep and the average rates that the methods predict for it; NaN is no prediction.

        :param contract_value: quote units per unit of the amount, where that counts contracts.
        """
        first, cost = sweep.fills[0][0], sweep.cost
        value = sweep.value(contract_value)
        is_multi_level = any(rate != first for rate, _ in sweep.fills)
        self._rows.extend((cost / sweep.amount, value, is_multi_level, sweep.sign, *averages))

    def errors(self) -> dict[str, dict[str, Errors]]:
        """Return the errors in bps by group of sweeps and method."""
        rows = np.array(self._rows).reshape(-1, 4 + len(self._methods))
        actual, value, is_multi_level, sign = rows[:, :4].T
        groups = {"all": value > 0, "multi_level": is_multi_level > 0, "ge_5k": value >= LARGE_COST}
        errors = {
            method: 1e4 * sign * (actual - predicted) / actual
            for method, predicted in zip(self._methods, rows[:, 4:].T, strict=True)
        }
        return {
            group: {method: bps[chosen & ~np.isnan(bps)] for method, bps in errors.items()}
            for group, chosen in groups.items()
        }


def figures(bps: Errors) -> dict[str, Any]:
    """Describe errors; None stands for a figure of nothing."""
    names = ("mean_bps", "mae_bps", "p1_bps", "p50_bps", "p99_bps", "share_within_0.1bp")
    if not len(bps):
        return {"n": 0, **dict.fromkeys(names)}
    size = np.abs(bps)
    values = (bps.mean(), size.mean(), *np.percentile(bps, (1, 50, 99)), (size <= WITHIN_BPS).mean())
    return {"n": len(bps), **{name: float(value) for name, value in zip(names, values, strict=True)}}
