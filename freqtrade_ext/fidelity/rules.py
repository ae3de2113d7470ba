"""
Who fills a resting order when: the truth, our three estimates, and the published rules of others.

Ours are the functions of `fills.queue`, compiled. The others are written down from what they publish:

- stock: freqtrade 2026.9, `Exchange.check_dry_limit_order_filled`. A look each 5 s fills all if the opposite
  best is at the order's rate or beyond.
- risk_adverse: hftbacktest 0.9.4, `RiskAdverseQueueModel` with `NoPartialFillExchange`. Trades at the rate
  use up what is ahead, which is no more than displayed; past it, through it, or a crossing best fills all.
- power_3: hftbacktest 0.9.4, `ProbQueueModel(PowerProbQueueFunc(3))`, else as above: of what left untraded
  the share front^3 / (front^3 + back^3) was ahead.
- nautilus: NautilusTrader, `queue_position=True` on an L2 book (docs, "Trade-based execution"). Trades use up
  what is ahead, the excess fills; an update caps what is ahead at the displayed amount; crossing quotes fill.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from freqtrade_ext.fidelity.compiled import compiled
from freqtrade_ext.fills import queue

RULES = ("pessimistic", "expected", "optimistic", "stock", "risk_adverse", "power_3", "nautilus")
PESSIMISTIC, EXPECTED, OPTIMISTIC, STOCK, RISK_ADVERSE, POWER_3, NAUTILUS = range(7)
PROBES = 1 << 15
CANCEL_POWER = queue.CANCEL_POWER
PESSIMISTIC_MS, EXPECTED_MS = queue.STANDING_MS["pessimistic"], queue.STANDING_MS["expected"]

_after_print, _after_cancels = compiled(queue.after_print), compiled(queue.after_cancels)


class Probes(NamedTuple):
    """Resting orders that are followed, by slot; arrays by rule have a column for each of `RULES`."""

    next: np.ndarray
    """next probe at the same level"""
    side: np.ndarray
    key: np.ndarray
    start_ms: np.ndarray
    mid: np.ndarray
    """at the start"""
    size: np.ndarray
    order: np.ndarray
    """slot of the real order; -1 is a phantom"""
    place: np.ndarray
    own: np.ndarray
    """amount of the real order that the book displays, and the level view must not"""
    end_ms: np.ndarray
    """when a real order was cancelled"""
    true_left: np.ndarray
    executed_ms: np.ndarray
    """when executions alone have filled it"""
    true_ms: np.ndarray
    """when it was filled in truth"""
    shown: np.ndarray
    printed: np.ndarray
    crossed_ms: np.ndarray
    crossed: np.ndarray
    ahead: np.ndarray
    left: np.ndarray
    taken: np.ndarray
    filled_ms: np.ndarray
    open: np.ndarray
    """rules that have not filled it yet, but for stock's"""
    live: np.ndarray
    """slots in use, then free ones; `used` says how many are in use"""
    used: np.ndarray


def new_probes() -> Probes:
    whole = ("next", "side", "order", "place", "open")
    by_rule = ("ahead", "left", "taken", "filled_ms")
    arrays: dict[str, Any] = {}
    for name in Probes._fields:
        shape: Any = (PROBES, len(RULES)) if name in by_rule else PROBES
        arrays[name] = np.zeros(shape, np.int64 if name in whole else np.float64)
    return Probes(**arrays | {"live": np.arange(PROBES), "used": np.zeros(1, np.int64)})


@compiled
def fill(probes: Any, rule: int, probe: int, amount: float, time_ms: float) -> float:
    """Fill a probe by a rule by at most this amount; return how much."""
    amount = min(probes.left[probe, rule], amount)
    if amount <= 0:
        return 0.0
    probes.left[probe, rule] -= amount
    if probes.left[probe, rule] <= 0:
        probes.filled_ms[probe, rule] = time_ms
        probes.open[probe] -= rule != STOCK
    return amount


@compiled
def see_print(probes: Any, probe: int, amount: float, time_ms: float, is_through: bool) -> None:
    """Use a print at a probe's rate, or through it."""
    if not probes.open[probe]:
        return
    for rule in (PESSIMISTIC, EXPECTED, NAUTILUS):
        reaches = amount
        if is_through:
            probes.ahead[probe, rule] = 0.0
        else:
            probes.ahead[probe, rule], reaches = _after_print(probes.ahead[probe, rule], amount)
        fill(probes, rule, probe, reaches, time_ms)
    fill(probes, OPTIMISTIC, probe, amount, time_ms)
    for rule in (RISK_ADVERSE, POWER_3):
        probes.ahead[probe, rule] -= 0.0 if is_through else amount
        if is_through or probes.ahead[probe, rule] < 0:
            fill(probes, rule, probe, math.inf, time_ms)
    probes.printed[probe] += 0.0 if is_through else amount


@compiled
def see_level(probes: Any, probe: int, displayed: float) -> None:
    """Show a probe the difference of its level."""
    if not probes.open[probe]:
        return
    shown, printed, ahead = probes.shown[probe], probes.printed[probe], probes.ahead
    level = shown - printed
    ahead[probe, PESSIMISTIC] = _after_cancels(ahead[probe, PESSIMISTIC], level, displayed, math.inf)
    ahead[probe, EXPECTED] = _after_cancels(ahead[probe, EXPECTED], level, displayed, CANCEL_POWER)
    ahead[probe, RISK_ADVERSE] = min(ahead[probe, RISK_ADVERSE], displayed)
    ahead[probe, NAUTILUS] = min(ahead[probe, NAUTILUS], displayed)
    front, gone = ahead[probe, POWER_3], level - displayed
    if gone >= 0:
        back = shown - front
        total = back**3 + front**3
        behind = back**3 / total if total != 0 else 1.0
        front += min(back - behind * gone, 0.0) - (1 - behind) * gone
    ahead[probe, POWER_3] = min(front, displayed)
    probes.shown[probe], probes.printed[probe] = displayed, 0.0


@compiled
def see_quotes(probes: Any, probe: int, opposite: float, time_ms: float) -> None:
    """Show a probe the amount of opposite quotes at or through its rate, at each difference; 0 for none."""
    if opposite <= 0:
        probes.crossed_ms[probe] = math.inf
        probes.taken[probe] = 0.0
        return
    if probes.crossed_ms[probe] == math.inf:
        probes.crossed_ms[probe], probes.crossed[probe] = time_ms, opposite
    probes.crossed[probe] = stood = min(probes.crossed[probe], opposite)
    stands_ms = time_ms - probes.crossed_ms[probe]
    if stands_ms >= PESSIMISTIC_MS and probes.order[probe] < 0:
        # the exchange would have matched it as it came
        probes.true_ms[probe] = min(probes.true_ms[probe], probes.crossed_ms[probe])
    if not probes.open[probe]:
        return
    if stands_ms >= PESSIMISTIC_MS:
        _take(probes, PESSIMISTIC, probe, stood, time_ms)
    if stands_ms >= EXPECTED_MS:
        _take(probes, EXPECTED, probe, stood, time_ms)
    _take(probes, OPTIMISTIC, probe, opposite, time_ms)
    _take(probes, NAUTILUS, probe, opposite, time_ms)
    fill(probes, RISK_ADVERSE, probe, math.inf, time_ms)
    fill(probes, POWER_3, probe, math.inf, time_ms)


@compiled
def _take(probes: Any, rule: int, probe: int, quotes: float, time_ms: float) -> None:
    """Fill from quotes, each unit once."""
    taken = min(probes.taken[probe, rule], quotes)
    probes.taken[probe, rule] = taken + fill(probes, rule, probe, quotes - taken, time_ms)
