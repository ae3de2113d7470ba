"""What own orders on the recorded market add up to: errors by cause, latency, queue and fees."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from freqtrade_ext.fidelity.own import Outcome, OwnOrder
from freqtrade_ext.fills.queue import ESTIMATES

RESAMPLED = 2_000
SEED = 1
LEAST = 20
"""orders below which nothing is recommended"""
AIM_BPS, AIM_POINTS = 1.0, 5.0
"""half an interval that is enough: of market orders' mean error, and of the share filled of limit orders"""
CAUSES = ("total", "delay", "book", "fees")


def figures(outcomes: Sequence[Outcome], fee_ratios: tuple[float, float]) -> dict[str, Any]:
    """
    Compare what was predicted with what was paid.

    :param fee_ratios: of makers and takers, that paper orders pay.
    :return: plain values; errors in bps of the rate paid, positive where more was paid than predicted.
    """
    compared = [outcome for outcome in outcomes if not outcome.why_not]
    market = [o for o in compared if o.order.limit is None and o.drawn and o.order.filled]
    limit = [o for o in compared if o.order.limit is not None]
    rows = {id(o): _causes(o, fee_ratios) for o in market}
    return {
        "orders": len(outcomes),
        "left_out": dict(Counter(o.why_not for o in outcomes if o.why_not)),
        "market": {
            "all": _errors(market, rows),
            "by_pair": _grouped(market, rows, lambda order: order.pair),
            "by_size": _grouped(market, rows, size_of),
        },
        "latency_ms": {
            "there": _spread(o.there_ms for o in outcomes),
            "back": _spread(o.back_ms for o in outcomes),
        },
        "limit": _queue(limit),
        "fees": _fees([o.order for o in outcomes], fee_ratios),
    }


def size_of(order: OwnOrder) -> str:
    """Return the decade that an order's value falls into, in quote units."""
    low = 10.0 ** math.floor(math.log10(order.value)) if order.value > 0 else 0.0
    return f"{low:,g} to {10 * low:,g}"


def interval(values: Any) -> list[float] | None:
    """Return the 95 % bootstrap interval of a mean; None of fewer than two values."""
    if len(values) < 2:
        return None
    random = np.random.default_rng(SEED)
    drawn = random.choice(values, (RESAMPLED, len(values))).mean(axis=1)
    # a resample's deviation is too small by sqrt((n - 1) / n), which matters for few values
    wider = math.sqrt(len(values) / (len(values) - 1))
    mean = float(np.mean(values))
    return [mean + wider * (float(edge) - mean) for edge in np.percentile(drawn, (2.5, 97.5))]


def needed(values: Any, aim: float) -> int | None:
    """Return how many values half the interval of their mean needs to be `aim`; None where unknown."""
    if len(values) < 2:
        return None
    return max(LEAST, math.ceil((1.96 * float(np.std(values, ddof=1)) / aim) ** 2))


def _causes(outcome: Outcome, fee_ratios: tuple[float, float]) -> tuple[float, ...]:
    """
    Split an order's error: total, delay, book and fees, in bps.

    delay: the book of its arrival against those of the latencies that paper orders draw;
    book: what it paid against the book of its arrival; fees: the ratio paid against the one predicted.
    """
    order, predicted = outcome.order, sum(outcome.drawn) / len(outcome.drawn)
    arrived = outcome.walked.average if outcome.walked else math.nan
    scale = 1e4 * order.sign / order.average
    delay, book = scale * (arrived - predicted), scale * (order.average - arrived)
    fees = 1e4 * (order.fee_ratio - fee_ratios[1])
    return delay + book + fees, delay, book, fees


def _errors(market: Sequence[Outcome], rows: dict[int, tuple[float, ...]]) -> dict[str, Any]:
    values = np.array([rows[id(outcome)] for outcome in market]).reshape(-1, len(CAUSES))
    found: dict[str, Any] = {"n": len(values), "needed": needed(values[:, 0], AIM_BPS)}
    for number, cause in enumerate(CAUSES):
        column = values[:, number]
        found[cause] = {"mean": float(column.mean()) if len(column) else None, "interval": interval(column)}
    return found


def _grouped(
    market: Sequence[Outcome], rows: dict[int, tuple[float, ...]], key: Callable[[OwnOrder], str]
) -> dict[str, Any]:
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in sorted(market, key=lambda outcome: outcome.order.value):
        groups[key(outcome.order)].append(outcome)
    return {name: _errors(group, rows) for name, group in groups.items()}


def _spread(known: Iterable[float | None]) -> dict[str, Any]:
    values = np.array([value for value in known if value is not None])
    if not len(values):
        return {"n": 0, "mean": None, "interval": None, "p5": None, "p50": None, "p95": None}
    low, middle, high = (float(value) for value in np.percentile(values, (5, 50, 95)))
    mean = float(values.mean())
    return {
        "n": len(values),
        "mean": mean,
        "interval": interval(values),
        "p5": low,
        "p50": middle,
        "p95": high,
    }


def _queue(limit: Sequence[Outcome]) -> dict[str, Any]:
    """Return how much of limit orders each estimate fills, in points of their amount, and how much later."""
    truth = np.array([outcome.order.filled / outcome.order.amount for outcome in limit])
    estimates = {}
    for name in ESTIMATES:
        # what differs by the noise of floats alone is right
        wrong = np.round(np.array([o.filled_by(name) / o.order.amount for o in limit]) - truth, 9)
        late = [
            (filled_ms - o.order.filled_ms) / 1000
            for o in limit
            if o.order.filled_ms is not None and (filled_ms := o.queue.places[name].filled_ms) is not None
        ]
        estimates[name] = {
            "bias": 100 * float(wrong.mean()) if len(wrong) else None,
            "interval": interval(100 * wrong),
            "wrong": 100 * float(np.abs(wrong).mean()) if len(wrong) else None,
            "needed": needed(100 * wrong, AIM_POINTS),
            "late_seconds": float(np.median(late)) if late else None,
        }
    return {
        "n": len(limit),
        "truth": 100 * float(truth.mean()) if len(truth) else None,
        "estimates": estimates,
    }


def _fees(orders: Sequence[OwnOrder], fee_ratios: tuple[float, float]) -> dict[str, Any]:
    filled = [order for order in orders if order.filled]
    ratios = [order.fee_ratio for order in filled]
    return {
        "n": len(filled),
        "ratio": sum(ratios) / len(ratios) if ratios else None,
        "predicted": fee_ratios[1],
        "assets": dict(Counter(fee_asset(order) for order in filled)),
    }


def fee_asset(order: OwnOrder) -> str:
    """Return the value of the setting `fee_asset` that an order's fee agrees with."""
    base, _, quote = order.pair.partition(":")[0].partition("/")
    if order.fee_currency in (base, quote):
        return "received" if order.fee_currency == (base if order.side == "buy" else quote) else "quote"
    return order.fee_currency.lower()
