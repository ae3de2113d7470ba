"""What orders would have cost, in means and percentiles: the figures of a pair in `costs.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from freqtrade_ext.fills.costs import ALL

SINGLE = 4
"""columns of a row before those of the sizes"""
LEAST_PROBES = 120
"""an hour of the day, or a market's range, that was seen less often has no value of its own"""
INTERVAL = (5, 95)
"""percentiles"""


def cost_figures(rows: Any, sizes: Sequence[float], drift: Any) -> dict[str, Any]:
    """
    Compute the figures of one pair.

    :param rows: one for each moment: hour of the day in UTC, range of the last 15 minutes in percent,
        then in bps the half spread, how far the mid moved until arrival, what a buy and a sell of each size
        takes from behind the best level. NaN is unknown.
    :param sizes: quote units.
    :param drift: how far the mid went on after each of its moves, bps.
    """
    hour, ranges, spread, move = rows[:, :SINGLE].T
    buys, sells = np.split(rows[:, SINGLE:], 2, axis=1)
    depth = np.vstack((buys, sells))
    whole = np.vstack((buys + (spread + move)[:, None], sells + (spread - move)[:, None]))
    hours = {f"{h:02.0f}": spread[hour == h] for h in np.unique(hour)}
    hours = {ALL: spread} | {name: seen for name, seen in hours.items() if len(seen) >= LEAST_PROBES}
    by_hour = {name: _mean(seen) for name, seen in hours.items()}
    expected = np.array([by_hour.get(f"{h:02.0f}", by_hour[ALL]) for h in hour])
    return {
        "half_spread_bps": by_hour,
        **_by_range(ranges, spread, expected),
        "depth_bps": _by_size(sizes, depth, _mean),
        "delay_bps": _mean(drift) if len(drift) else 0.0,
        "interval_bps": _by_size(sizes, whole, _interval),
        "count": {
            "probes": len(rows),
            "by_hour": {name: len(seen) for name, seen in hours.items() if name != ALL},
            "too_deep": _by_size(sizes, depth, lambda seen: len(depth) - len(seen)),
            "moves": len(drift),
        },
    }


def _mean(bps: Any) -> float:
    return round(float(bps.mean()), 4)


def _interval(bps: Any) -> list[float]:
    return [round(float(value), 2) for value in np.percentile(bps, INTERVAL)]


def _by_range(ranges: Any, spread: Any, expected: Any) -> dict[str, Any]:
    """Return the terciles of the market's range, and by which factor each is dearer than its hours are."""
    is_known = ~np.isnan(ranges)
    ranges, spread, expected = ranges[is_known], spread[is_known], expected[is_known]
    edges = np.unique(np.percentile(ranges, (100 / 3, 200 / 3))) if len(ranges) >= LEAST_PROBES else ()
    part = np.searchsorted(edges, ranges, side="right")
    counts = np.bincount(part, minlength=len(edges) + 1)
    if not len(edges) or counts.min() < LEAST_PROBES:
        return {"range_percent": [], "range_factor": [1.0]}
    factors = [spread[part == i].sum() / expected[part == i].sum() for i in range(len(edges) + 1)]
    return {
        "range_percent": [round(float(edge), 4) for edge in edges],
        "range_factor": [round(float(factor), 4) for factor in factors],
    }


def _by_size(sizes: Sequence[float], bps: Any, of: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a figure of each size that most books could fill."""
    seen = {f"{size:g}": column[~np.isnan(column)] for size, column in zip(sizes, bps.T, strict=True)}
    return {size: of(known) for size, known in seen.items() if 2 * len(known) > len(bps)}
