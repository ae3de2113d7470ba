"""The `freqtrade_ext` section of config.json, validated once at start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

MakerFill = Literal["pessimistic", "expected", "optimistic"]
FeeAsset = Literal["received", "quote", "bnb"]
StopAfterTp = Literal["stay", "break_even"]
Percents = tuple[float, float, float]


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or impossible; the message names it and its value."""


def _setting(default: Any, unit: str, meaning: str, **limits: Any) -> Any:
    """Declare a field with what `docs/settings.md` and the checks need to know about it."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the product; the defaults are the numbers of `spec.md`."""

    # -- which strategy, and what it keeps --------------------------------------------------
    strategy: str | None = _setting(
        None, "class name", "strategy that `--strategy Managed` wraps, found on freqtrade's path"
    )
    keep: tuple[str, ...] = _setting(
        ("exit_signal",),
        "names",
        "what a wrapped strategy keeps of its own: exit_signal, custom_exit, roi",
        choices=("exit_signal", "custom_exit", "roi"),
    )
    confidence: float = _setting(
        70.0,
        "percent",
        "a signal class enters when its BUY confidence is above this",
        at_least=0,
        at_most=100,
    )

    # -- market state ------------------------------------------------------------------------
    adx_trending: float = _setting(25.0, "ADX", "trending from here on", above=0, at_most=100)
    atr_choppy: float = _setting(
        1.0, "percent", "ATR of a market without trend is choppy from here on, flat below", above=0
    )
    atr_high: float = _setting(3.0, "percent", "ATR above this is high volatility", above=0)
    rsi_strong: float = _setting(
        60.0, "RSI", "a strong long trend needs more; a short one less than 100 - this", above=0, below=100
    )

    # -- position sizing ---------------------------------------------------------------------
    min_position: float = _setting(100.0, "stake currency", "smallest position", above=0)
    max_positions: int = _setting(3, "positions", "open at once", at_least=1)
    reserve: float = _setting(0.10, "ratio", "part of a position's share kept back", at_least=0, below=1)

    # -- take-profit split and levels ----------------------------------------------------------
    low_balance: float = _setting(300.0, "stake currency", "below this profits are taken early", at_least=0)
    split_low_balance_open: Percents = _setting(
        (100.0, 0.0, 0.0), "percent", "sold at TP1, TP2, TP3 on a low balance with a position open", total=100
    )
    split_early: Percents = _setting(
        (60.0, 25.0, 15.0), "percent", "on a low balance, in chop, in high volatility", total=100
    )
    split_strong: Percents = _setting((25.0, 30.0, 45.0), "percent", "in a strong trend", total=100)
    split_standard: Percents = _setting((40.0, 30.0, 30.0), "percent", "otherwise", total=100)
    targets_strong: Percents = _setting((2.0, 4.0, 8.0), "percent of entry", "TP levels in a strong trend", rising=True)
    targets_early: Percents = _setting(
        (1.5, 2.5, 4.0), "percent of entry", "TP levels in chop or high volatility", rising=True
    )
    targets_standard: Percents = _setting((1.8, 3.2, 5.5), "percent of entry", "TP levels otherwise", rising=True)
    stop_atr_high: float = _setting(1.5, "ATR", "stop distance in high volatility", above=0)
    stop_atr_mid: float = _setting(1.8, "ATR", "stop distance in moderate volatility", above=0)
    stop_atr_low: float = _setting(2.0, "ATR", "stop distance in low volatility", above=0)
    stop_after_tp: StopAfterTp = _setting("stay", "", "the stop stays, or moves to break-even, after TP1")
    recent_trades: int = _setting(5, "trades", "closed trades that tell a losing streak", at_least=1)

    # -- execution (dry-run only) ---------------------------------------------------------------
    latency_ms: tuple[float, float] = _setting(
        (50.0, 200.0), "ms", "time an order takes to the exchange, and its answer back: drawn from this range",
        at_least=0, rising=True,
    )
    maker_fill: MakerFill = _setting("pessimistic", "", "which estimate fills resting orders")
    fee_asset: FeeAsset = _setting(
        "received", "", "what fees are paid in: the asset received, the quote currency, or BNB"
    )
    bnb_discount: float = _setting(0.25, "ratio", "discount on fees paid in BNB", at_least=0, below=1)
    seed: int | None = _setting(None, "", "makes the latency draws repeatable")
    feed: bool = _setting(True, "", "follow books and trades by WebSocket")
    feed_fresh_ms: float = _setting(1000.0, "ms", "older WebSocket data gives way to REST", above=0)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """
        Read and check the `freqtrade_ext` section.

        :param config: freqtrade's configuration; a missing section means all defaults.
        :raises SettingsError: naming the setting, the relation and the value.
        """
        section = config.get("freqtrade_ext", {})
        if not isinstance(section, Mapping):
            raise SettingsError(f"freqtrade_ext must be an object of settings, is {section!r}")
        known = {f.name for f in fields(cls)}
        for name in section:
            if name not in known:
                raise SettingsError(f"freqtrade_ext.{name} is unknown; settings are: {', '.join(sorted(known))}")
        types = get_type_hints(cls)
        return cls(**{name: _typed(name, types[name], value) for name, value in section.items()})

    def __post_init__(self) -> None:
        for f in fields(self):
            _check(f.name, getattr(self, f.name), f.metadata)


def _typed(name: str, wanted: Any, value: Any) -> Any:
    """Return the JSON value as the setting's type, or raise SettingsError."""
    if get_origin(wanted) is tuple:
        parts = get_args(wanted)
        if not isinstance(value, (list, tuple)) or (parts[-1] is not ... and len(value) != len(parts)):
            size = "" if parts[-1] is ... else f"{len(parts)} "
            raise SettingsError(f"freqtrade_ext.{name} must be a list of {size}values, is {value!r}")
        return tuple(_typed(name, parts[0], v) for v in value)
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise SettingsError(f"freqtrade_ext.{name} must be one of {', '.join(get_args(wanted))}, is {value!r}")
        return value
    options = get_args(wanted) or (wanted,)
    if value is None and type(None) in options:
        return None
    for kind in options:
        # bool is an int to Python, and 1 is a float to a user
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
    raise SettingsError(f"freqtrade_ext.{name} must be {options[0].__name__}, is {value!r}")


def _check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    """Raise SettingsError where the value breaks one of its limits."""

    def fail(relation: str) -> None:
        shown = list(value) if isinstance(value, tuple) else value
        raise SettingsError(f"freqtrade_ext.{name} must be {relation}, is {shown}")

    values = value if isinstance(value, tuple) else (value,)
    for v in values:
        if isinstance(v, float) and not math.isfinite(v):
            fail("a finite number")
        if "choices" in limits and v not in limits["choices"]:
            fail(f"among {', '.join(limits['choices'])}")
        if "above" in limits and not v > limits["above"]:
            fail(f"> {limits['above']}")
        if "at_least" in limits and not v >= limits["at_least"]:
            fail(f">= {limits['at_least']}")
        if "below" in limits and not v < limits["below"]:
            fail(f"< {limits['below']}")
        if "at_most" in limits and not v <= limits["at_most"]:
            fail(f"<= {limits['at_most']}")
    if "total" in limits and (min(values) < 0 or abs(sum(values) - limits["total"]) > 1e-9):
        fail(f"shares from 0 that add up to {limits['total']}")
    if limits.get("rising") and (values[0] < 0 or list(values) != sorted(values)):
        fail("rising from 0")
