"""The candles that were kept with a trade, checked: they come from a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from freqtrade_ext.report.svg import Axis, add, line, title
from freqtrade_ext.text import rate_text

MOST = 400
"""drawn at most; more than the bot keeps"""


class Candle(NamedTuple):
    """Rates in quote per base."""

    time: datetime
    open: float
    high: float
    low: float
    close: float


def read_candles(stored: Any) -> tuple[Candle, ...]:
    """
    Return the candles among what is stored, oldest first; what is none is left out.

    :param stored: lists of [milliseconds since 1970, open, high, low, close].
    """
    return tuple(sorted(_candles(stored[:MOST]))) if isinstance(stored, list) else ()


def _candles(stored: Sequence[Any]) -> Iterator[Candle]:
    for row in stored:
        try:
            ms, *rates = map(float, row)
            candle = Candle(datetime.fromtimestamp(ms / 1000, UTC), *rates)
        except (TypeError, ValueError, OverflowError, OSError):
            continue
        if 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
            yield candle


def draw_candles(chart: Element, candles: Sequence[Candle], x: Axis, y: Axis) -> None:
    """Draw the candles, each with its rates as a tooltip."""
    if len(candles) < 2:
        return
    # the usual distance: gaps are wider
    step = min(b.time.timestamp() - a.time.timestamp() for a, b in pairwise(candles))
    width = max(abs(x(step) - x(0)) * 0.7, 0.8)
    for candle in candles:
        middle = x(candle.time.timestamp() + step / 2)
        tone = "rise" if candle.close >= candle.open else "drop"
        line(chart, (middle, y(candle.high)), (middle, y(candle.low)), f"wick {tone}")
        top, bottom = sorted((y(candle.open), y(candle.close)))
        height = max(bottom - top, 0.8)
        body = add(chart, "rect", tone, x=middle - width / 2, y=top, width=width, height=height)
        rates = ", ".join(f"{name} {rate_text(getattr(candle, name))}" for name in candle._fields[1:])
        title(body, f"{candle.time:%b %d %H:%M}: {rates}")
