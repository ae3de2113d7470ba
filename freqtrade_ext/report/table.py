"""A table of words and digits, drawn alike by the page and by the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from freqtrade.util import decimals_per_coin

LISTED = 500
"""newest trades and orders that are listed one by one"""

UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    title: str
    note: str
    """what the figures mean, and their formula"""
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[float] = ()
    """one per row, or none"""
    tone: Literal["profit", "cost"] = "cost"


def money(value: float, currency: str, sign: str = "+") -> str:
    """:param sign: `+` shows it always, `-` only where it is a minus."""
    return f"{value:{sign}z,.{decimals_per_coin(currency)}f}"


def percent(ratio: float | None, decimals: int, sign: str = "-") -> str:
    """:param sign: `+` shows it always, `-` only where it is a minus."""
    return UNKNOWN if ratio is None else f"{100 * ratio:{sign}z.{decimals}f} %"


def bps(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:+z.2f} bps"
