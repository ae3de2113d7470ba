"""Which of freqtrade's names a strategy decides on under the plan, and what stands in front of all others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import OperationalException
from freqtrade.strategy import IStrategy

from freqtrade_ext.settings import Settings

logger = logging.getLogger(__name__)

THEIRS = {
    "signals": "populate_indicators populate_entry_trend populate_exit_trend populate_buy_trend "
    "populate_sell_trend populate_any_indicators feature_engineering_expand_all "
    "feature_engineering_expand_basic feature_engineering_standard set_freqai_targets load_freqAI_model "
    "informative_pairs gather_informative_pairs advise_all_indicators advise_indicators advise_entry "
    "advise_exit analyze analyze_pair analyze_ticker get_latest_candle get_entry_signal get_exit_signal "
    "ignore_expired_candle protections is_pair_locked lock_pair unlock_pair unlock_reason",
    "entries": "leverage custom_entry_price adjust_entry_price adjust_order_price check_entry_timeout "
    "check_buy_timeout confirm_trade_entry",
    "exits of its own": "custom_exit custom_sell confirm_trade_exit custom_exit_price adjust_exit_price "
    "check_exit_timeout check_sell_timeout",
    "the rest": "bot_start bot_loop_start ft_bot_start ft_bot_cleanup order_filled plot_annotations version "
    "get_strategy_name",
}
"""
Methods of freqtrade's interface that stay the strategy's. All others are freqtrade's own or the plan's: what
a later freqtrade asks a strategy is closed until it is listed here.
"""

KEPT_BY = {
    "roi": "minimal_roi use_custom_roi custom_roi min_roi_reached min_roi_reached_entry",
    "adjust_trade_position": "adjust_trade_position max_entry_position_adjustment",
}
"""value of the setting `keep` -> names that it opens as well"""

RULES: dict[str, Any] = {
    "minimal_roi": {},
    "use_custom_roi": False,
    "trailing_stop": False,
    "trailing_stop_positive": None,
    "trailing_stop_positive_offset": 0.0,
    "trailing_only_offset_is_reached": False,
    "use_custom_stoploss": True,
    "position_adjustment_enable": True,
    "max_entry_position_adjustment": 0,
    # until the entry has filled and the plan's stop is in place, and where there can be no plan
    "stoploss": -0.10,
    "stake_amount": "unlimited",
}
"""what freqtrade reads of a strategy and its configuration about sizes and exits -> what the plan says"""

MARKET_ORDERS = {
    "entry": "market",
    "exit": "market",
    "emergency_exit": "market",
    "force_entry": "market",
    "force_exit": "market",
    "stoploss": "market",
    "stoploss_on_exchange": False,
    "stoploss_on_exchange_interval": 60,
}
"""of strategies that say nothing of orders; freqtrade's limit orders would leave a stop unfilled"""


class UntilThePlan(float):
    """
    A stop that differs from no other, so that a start leaves the stops of plans in place.

    freqtrade resets each open trade whose initial stop differs from the strategy's (2026.9
    persistence/trade_model.py `stoploss_reinitialization`); those of plans all do.
    """

    __hash__ = float.__hash__

    def __ne__(self, other: object) -> bool:
        return False


def put_in_front(
    plan: type[Any], cls: type[Any], base: type[Any], config: Mapping[str, Any], settings: Settings
) -> type[Any]:
    """
    Derive the class that freqtrade gets: the plan first, freqtrade's own methods next, then the strategy.

    What the strategy has of the same names comes behind, whichever way it got there.

    :param plan: class of the callbacks that decide.
    :param cls: of the strategy, derived from `base`.
    :param base: ManagedStrategy.
    :param config: freqtrade's, before the strategy's values go into it.
    :raises OperationalException: the strategy was written for the plan and would bypass it, or has a name
        that the plan needs.
    """
    theirs = names_of(settings)
    stock = {
        name: getattr(IStrategy, name)
        for name in dir(IStrategy)
        if name not in theirs and not name.startswith("__") and callable(getattr(IStrategy, name))
    }
    written_for_it = cls.__mro__[: cls.__mro__.index(base)]
    if bypassing := sorted(stock.keys() & {name for kind in written_for_it for name in vars(kind)}):
        raise OperationalException(
            f"{cls.__name__} has its own {', '.join(bypassing)}, which would bypass the plan: remove, "
            f"or name {base.__name__} first among its base classes."
        )
    if "manager" in own_names(cls):
        raise OperationalException(
            f"{cls.__name__} cannot be managed: {base.__name__} uses manager itself, rename what it has of "
            "that name"
        )
    asked = (config.get("max_open_trades"), getattr(cls, "max_open_trades", None))
    # freqtrade's -1 is any number
    most = min([settings.max_positions, *(count for count in asked if count is not None and count >= 0)])
    values = {**RULES, "max_open_trades": most}
    rules = {name: _rule(name, value) for name, value in values.items() if name not in theirs}
    said = [vars(kind)["order_types"] for kind in _own_classes(cls) if "order_types" in vars(kind)]
    # a copy: freqtrade writes into it
    orders = said[0] if said else dict(MARKET_ORDERS)
    front = {"__module__": cls.__module__, "__doc__": cls.__doc__, "order_types": orders, **rules}
    # of IStrategy and of this module: hyperopt pickles the modules of all bases, up to IStrategy, by value
    # (2026.9 optimize/hyperopt/hyperopt_optimizer.py `hyperopt_pickle_magic`)
    own = type("Stock", (IStrategy,), {**stock, "__module__": __name__})
    return type(cls.__name__, (plan, own, cls), front)


def _rule(name: str, value: Any) -> property:
    """
    Return an attribute that has this value whatever anybody sets, in populate_indicators or in a callback.

    freqtrade lets neither config.json nor hyperopt's results change properties either (2026.9
    resolvers/strategy_resolver.py `_override_attribute_helper`), and copies them into the configuration.
    """
    ignored: list[Any] = []

    def ignore(strategy: IStrategy, changed: Any) -> None:
        if changed != value and not ignored:
            ignored.append(changed)
            logger.warning(
                "%s sets %s to %s, which does not count under the plan: it stays %s",
                type(strategy).__name__,
                name,
                changed,
                value,
            )

    read = UntilThePlan(value) if name == "stoploss" else value
    return property(lambda strategy: read, ignore)


def names_of(settings: Settings) -> set[str]:
    """Return the names that are the strategy's."""
    groups = [*THEIRS.values(), *(KEPT_BY.get(kept, "") for kept in settings.keep)]
    return {name for group in groups for name in group.split()}


def own_names(cls: type[Any]) -> set[str]:
    """Return the names that a strategy itself defines, without freqtrade's and without this package's."""
    return {name for kind in _own_classes(cls) for name in vars(kind)}


def _own_classes(cls: type[Any]) -> list[type[Any]]:
    return [
        kind
        for kind in cls.__mro__
        if kind not in IStrategy.__mro__ and not kind.__module__.startswith("freqtrade_ext.")
    ]


def own_rules(cls: type[Any]) -> dict[str, Any]:
    """Return what a strategy itself says."""
    said: dict[str, Any] = {}
    for kind in reversed(_own_classes(cls)):
        # the rules in front are properties
        said |= {name: value for name, value in vars(kind).items() if not isinstance(value, property)}
    return said


def trailing_ratio(cls: type[Any]) -> float | None:
    """Return how far a strategy's own trailing stop follows, as a ratio of the rate; None for none."""
    said = own_rules(cls)
    if not said.get("trailing_stop"):
        return None
    return abs(said.get("trailing_stop_positive") or said.get("stoploss") or RULES["stoploss"])
