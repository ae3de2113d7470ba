"""Say at the start what of a strategy does not count under the plan, and what becomes of its trades."""

from __future__ import annotations

import json
import logging
from typing import Any

from freqtrade.strategy import IStrategy

from freqtrade_ext.plan.stops import moves
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.in_front import RULES, names_of, own_names, trailing_ratio

logger = logging.getLogger(__name__)

EXITS = {
    "exit_signal": ("populate_exit_trend", "populate_sell_trend"),
    "custom_exit": ("custom_exit", "custom_sell"),
}
"""value of the setting `keep` -> callbacks that are asked only with it"""

COUNT_WITH = {
    "trailing": {"trailing_stop", "trailing_stop_positive"},
    "adjust_trade_position": {"position_adjustment_enable"},
}
"""value of the setting `keep` -> rules of the strategy that count with it"""


def say_what_gives_way(cls: type[Any], base: type[Any], settings: Settings) -> None:
    """
    Log what of a strategy does not count under the plan, and what becomes of its trades.

    :param cls: of the strategy, derived from `base`.
    """
    own, kept = own_names(cls), names_of(settings)
    counts = {name for keep in settings.keep for name in COUNT_WITH.get(keep, ())}
    rules = sorted(own & RULES.keys() - kept - counts)
    callbacks = sorted(n for n in own - kept - RULES.keys() if callable(getattr(IStrategy, n, None)))
    logger.info(
        "%s runs by plan: it keeps %s; stake, stop and targets are the plan's%s",
        cls.__name__,
        ", ".join(settings.keep) or "no exits",
        f", not its own {', '.join(callbacks + rules)}" if callbacks or rules else "",
    )
    _warn_of_exits(cls, base, settings)
    if "adjust_trade_position" in callbacks and getattr(cls, "position_adjustment_enable", False):
        logger.warning(
            "%s: averaging down is off: %s of its callbacks are not used (%s); "
            "`--strategy Paper` runs it as it is",
            cls.__name__,
            len(callbacks),
            ", ".join(callbacks),
        )
    for line in moves(settings):
        logger.info("%s: %s", cls.__name__, line)


def _warn_of_exits(cls: type[Any], base: type[Any], settings: Settings) -> None:
    """Name the exits of a strategy that do not run, and a trailing stop that is kept but not there."""
    wrapped = {name for kind in cls.__mro__[cls.__mro__.index(base) + 1 :] for name in vars(kind)}
    off = {
        keep: names
        for keep, exits in EXITS.items()
        if keep not in settings.keep and (names := own_names(cls) & wrapped & {*exits})
    }
    if off:
        logger.warning(
            '%s: its own exits (%s) do not run; keep them with "keep": %s',
            cls.__name__,
            ", ".join(sorted(name for names in off.values() for name in names)),
            json.dumps([*settings.keep, *off]),
        )
    if "trailing" in settings.keep and trailing_ratio(cls) is None:
        logger.warning("%s has no trailing_stop, which freqtrade_ext.keep names", cls.__name__)
