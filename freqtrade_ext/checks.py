"""Whether the values of settings are possible: types, limits, and one clear error where they are not."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from statistics import mode
from typing import Any, Literal, get_args, get_origin

MOST_TARGETS = 10
PER_TARGET = ("targets_", "split_")
"""beginnings of the settings that have a value for each target"""


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or impossible; the message names it and its value."""


def typed(name: str, wanted: Any, value: Any) -> Any:
    """Return the JSON value as the setting's type, or raise SettingsError."""
    parts = get_args(wanted)
    if parts and get_origin(parts[-1]) is Literal:  # a value of the first type, or one of some words
        return value if value in get_args(parts[-1]) else typed(name, parts[0], value)
    if get_origin(wanted) is Literal:
        if value not in parts:
            raise SettingsError(f"freqtrade_ext.{name} must be one of {', '.join(parts)}, is {value!r}")
        return value
    if get_origin(wanted) is tuple:
        size = None if parts[-1] is ... else len(parts)
        if not isinstance(value, (list, tuple)) or size not in (None, len(value)):
            asked = "a list" if size is None else f"a list of {size} values"
            raise SettingsError(f"freqtrade_ext.{name} must be {asked}, is {value!r}")
        return tuple(typed(name, parts[0], v) for v in value)
    return _plain(name, parts or (wanted,), value)


def _plain(name: str, options: tuple[type, ...], value: Any) -> Any:
    """Return the value as one of the plain types; bool is no number here, but a sane int is a float."""
    if isinstance(value, bool):
        if bool in options:
            return value
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        pass
    elif isinstance(value, options):
        return value
    elif isinstance(value, int) and float in options:
        return float(value)
    raise SettingsError(f"freqtrade_ext.{name} must be {options[0].__name__}, is {value!r}")


_RELATIONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "above": ("> {}", operator.gt),
    "at_least": (">= {}", operator.ge),
    "below": ("< {}", operator.lt),
    "at_most": ("<= {}", operator.le),
    "choices": ("among {}", lambda value, choices: value in choices),
}


def check_counts(values: Mapping[str, Any]) -> None:
    """Raise SettingsError naming the setting that has another number of targets than most."""
    lists = {name: value for name, value in values.items() if name.startswith(PER_TARGET)}
    count = mode(map(len, lists.values()))
    for name, percents in lists.items():
        if not 1 <= len(percents) <= MOST_TARGETS or len(percents) != count:
            raise SettingsError(
                f"freqtrade_ext.{name} must be one to {MOST_TARGETS} values, as many as the other targets_* "
                f"and split_* ({count}), is {list(percents)}"
            )


def check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    """Raise SettingsError where the value breaks one of its limits."""
    if value is None or (isinstance(value, str) and "choices" not in limits):
        return
    values = value if isinstance(value, tuple) else (value,)
    broken = None
    if any(isinstance(v, float) and not math.isfinite(v) for v in values):
        broken = "finite"
    elif limits.get("rising") and (values[0] < 0 or list(values) != sorted(values)):
        broken = "rising from 0"
    elif "total" in limits and (min(values) < 0 or not math.isclose(sum(values), limits["total"])):
        broken = f"shares from 0 that add up to {limits['total']}"
    for relation, (text, holds) in _RELATIONS.items():
        if relation in limits and not all(holds(v, limits[relation]) for v in values):
            broken = broken or text.format(limits[relation])
    if broken:
        shown = list(value) if isinstance(value, tuple) else value
        raise SettingsError(f"freqtrade_ext.{name} must be {broken}, is {shown}")
