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

    From the last target of a plan that trails on, the stop follows the best rate.

    :param fee_open: ratio paid at entry.
    :param fee_close: ratio paid at exit.
    :param best_rate: quote per base; the highest rate of a long since its entry, the lowest of a short.
    """
    stage, after, rate = position.stage_sold, settings.stop_after_tp, plan.stop_rate
    if stage and after == "trail":
        rate = _behind(plan, position, best_rate, settings.trail_percent, rate)
    elif stage > 1 and after == "previous":
        rate = plan.target_rates[stage - 2]
    elif stage and after != "stay":
        rate = plan.break_even_rate(fee_open, fee_close)
    if plan.trail_percent is not None and plan.stage(best_rate) == len(plan.target_rates):
        rate = _behind(plan, position, best_rate, plan.trail_percent, rate)
    return rate


def _behind(plan: Plan, position: Position, best_rate: float, percent: float, rate: float) -> float:
    """Return the rate so far behind the best one, where neither `rate` nor the stop of now is nearer."""
    away = percent / 100
    trailed = best_rate * (1 + away if plan.is_short else 1 - away)
    # a stop that stands nearer, as after an entry that moved the plan, stays there
    nearest = min if plan.is_short else max
    return nearest(trailed, rate, position.stop_rate)


def moves(settings: Settings) -> list[str]:
    """Return in words what becomes of a trade's stop behind its targets, and of an old trade."""
    text = {
        "break_even": "after TP1 the stop moves to break-even",
        "previous": "after TP1 the stop moves to break-even, after each further target to the one before",
        "trail": f"after TP1 the stop follows {settings.trail_percent:g} % behind the best rate",
    }.get(settings.stop_after_tp)
    hours = settings.time_limit_hours
    return [line for line in (text, hours and f"a trade is closed after {hours:g} hours") if line]
