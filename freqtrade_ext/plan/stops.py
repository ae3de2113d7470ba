"""Where the stop of a position stands once targets are reached."""

from __future__ import annotations

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Position
from freqtrade_ext.settings import Settings


def stop_rate(
    plan: Plan, position: Position, settings: Settings, fee_open: float, fee_close: float, best_rate: float
) -> float:
    """
    Return the rate of the stop by the setting `stop_after_tp`; before something was sold, that of the plan.

    :param fee_open: ratio paid at entry.
    :param fee_close: ratio paid at exit.
    :param best_rate: quote per base; the highest rate of a long since its entry, the lowest of a short.
    """
    stage, after = position.stage_sold, settings.stop_after_tp
    if not stage or after == "stay":
        return plan.stop_rate
    if after == "trail":
        away = settings.trail_percent / 100
        trailed = best_rate * (1 + away if plan.is_short else 1 - away)
        # a stop that stands nearer, as after an entry that moved the plan, stays there
        return pick(plan, trailed, plan.stop_rate, position.stop_rate)
    if after == "previous" and stage > 1:
        return plan.target_rates[stage - 2]
    return plan.break_even_rate(fee_open, fee_close)


def moves(settings: Settings) -> list[str]:
    """Return in words what becomes of a trade's stop behind its targets, and of an old trade."""
    text = {
        "break_even": "after TP1 the stop moves to break-even",
        "previous": "after TP1 the stop moves to break-even, after each further target to the one before",
        "trail": f"after TP1 the stop follows {settings.trail_percent:g} % behind the best rate",
    }.get(settings.stop_after_tp)
    hours = settings.time_limit_hours
    return [line for line in (text, hours and f"a trade is closed after {hours:g} hours") if line]


def pick(plan: Plan, *rates: float) -> float:
    """Return the rate that protects most: the highest for a long, the lowest for a short."""
    return min(rates) if plan.is_short else max(rates)
