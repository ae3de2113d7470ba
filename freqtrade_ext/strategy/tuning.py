"""Let hyperopt tune the plan's settings: `freqtrade hyperopt --spaces stops targets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, replace
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.strategy import DecimalParameter, IStrategy

from freqtrade_ext.paper.stock import hyperopt_results
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.in_front import own_rules
from freqtrade_ext.strategy.market_states import PREFIX

RANGE = 1.5
"""hyperopt tries what is configured, divided and multiplied by up to this"""

DECIMALS = 3

TRAILING = (
    "trailing_stop",
    "trailing_stop_positive",
    "trailing_stop_positive_offset",
    "trailing_only_offset_is_reached",
)


def add_parameters(strategy: IStrategy, settings: Settings) -> None:
    """
    Add freqtrade's hyperopt parameters for the plan's settings to a strategy.

    Only where hyperopt was started with that space or `all`, or where it has left results beside the
    strategy's file: parameters that nobody tunes would be written there, and override config.json.

    :param settings: what is tuned from.
    """
    for f in _tunable(strategy):
        value = getattr(settings, f.name)
        for name, part in zip(_names(f, value), value if isinstance(value, tuple) else (value,), strict=True):
            low, high = _range(part, f.metadata)
            parameter = DecimalParameter(
                low, high, default=part, decimals=DECIMALS, space=f.metadata["space"]
            )
            setattr(strategy, name, parameter)


def tuned(strategy: IStrategy, settings: Settings) -> Settings:
    """
    Put what the parameters say now into the settings; targets in rising order, shares scaled to 100 %.

    :raises freqtrade_ext.checks.SettingsError: a file of parameters has an impossible value.
    """
    changes: dict[str, Any] = {}
    for f in _tunable(strategy):
        values = [getattr(strategy, name).value for name in _names(f, getattr(settings, f.name))]
        if f.metadata.get("rising"):
            values.sort()
        if "total" in f.metadata:
            values = [value / sum(values) * f.metadata["total"] for value in values]
        changes[f.name] = tuple(values) if len(values) > 1 else values[0]
    return replace(settings, **changes)


def own_exits(strategy: IStrategy) -> dict[str, dict[str, Any]]:
    """
    Return a strategy's own ROI, stop and trailing as hyperopt's results have them.

    freqtrade writes all that it has not tuned beside the strategy's file. With the plan's values there the
    strategy would be without its own where it runs without the plan.
    """
    said, found = own_rules(type(strategy)), hyperopt_results(strategy)
    own = {
        "roi": {str(minutes): ratio for minutes, ratio in said.get("minimal_roi", {}).items()},
        "stoploss": {"stoploss": said["stoploss"]} if "stoploss" in said else {},
        "trailing": {name: said[name] for name in TRAILING if name in said},
    }
    return {space: found.get(space, values) for space, values in own.items() if values or space in found}


def _tunable(strategy: IStrategy) -> Iterator[Field[Any]]:
    config = strategy.config
    asked = set(config["spaces"]) if config.get("runmode") == RunMode.HYPEROPT else set()
    for f in fields(Settings):
        space = f.metadata.get("space")
        if space is not None and ({space, "all"} & asked or space in hyperopt_results(strategy)):
            yield f


def _names(f: Field[Any], value: Any) -> list[str]:
    """Return the names of a setting's parameters on the strategy."""
    name = PREFIX + f.name
    return [f"{name}_{number}" for number in range(1, len(value) + 1)] if isinstance(value, tuple) else [name]


def _range(value: float, limits: Mapping[str, Any]) -> tuple[float, float]:
    """Return the least and the most that hyperopt tries of a number, within the setting's limits."""
    step = 10**-DECIMALS
    low, high = value / RANGE, value * RANGE
    low = max(low, limits.get("at_least", low), limits.get("above", low - step) + step)
    high = min(high, limits.get("at_most", high), limits.get("below", high + step) - step)
    return low, high
