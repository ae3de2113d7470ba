"""Candles from before the start: invented, and ending as the scenario wants them to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from freqtrade_ext.replica.candles import (
    AMOUNT,
    BUY_AMOUNT,
    BUY_COST,
    CLOSE,
    COST,
    COUNT,
    FIRST_ID,
    HIGH,
    LOW,
    MINUTE_MS,
    OPEN,
    OPEN_MS,
    Rows,
)
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.scenarios import History
from freqtrade_ext.replica.symbols import Symbol

DAYS = 110
_HOUR = 60
_BASE_NOISE = 0.00055
"""standard deviation of a minute's change; about 0.6 % of average true range in an hour"""
_CHOPPY_NOISE = 0.0022
_LIVELY = 4.0
"""factor on noise and trend of a lively history: about 2.5 % of average true range in an hour"""
_TREND_HOURS = 40
_TREND_PER_HOUR = 0.0011
_REST_MINUTES = 90
_BREAKOUT = 0.006
_SLOW_PROGRESS = 0.0004
_RANGE_HOURS = 200
_RANGE_MINUTES = 150
"""time within which a range draws rates back"""
_FIVE_MINUTES_MS = 5 * MINUTE_MS
Floats = NDArray[np.float64]


def invent(symbol: Symbol, rate: int, kind: History, end_ms: int, now_ms: int, seed: str) -> Rows:
    """
    Invent closed minutes that end at a rate.

    :param rate: last close, in units of 1e-8.
    :param end_ms: the first minute that is not closed begins here.
    :param now_ms: start of the exchange, some time later; a breakout is in the last 5m candle closed then,
        or in the one about to close: a bot that is a minute in starting must find it fresh.
    """
    rng = np.random.default_rng(list(seed.encode()))
    minutes = DAYS * 24 * _HOUR
    steps, noise = _wander(rng, minutes, kind)
    busy = np.ones(minutes)
    if kind in ("breakout", "lively breakout"):
        closed_ms = (now_ms + MINUTE_MS) // _FIVE_MINUTES_MS * _FIVE_MINUTES_MS
        broken = minutes - (end_ms - closed_ms) // MINUTE_MS
        _lay_breakout(steps, busy, noise, rng, broken, _LIVELY if kind == "lively breakout" else 1.0)
    else:
        _lay_range(steps, noise, rng)
    closes = np.exp(np.cumsum(steps))
    closes *= rate / closes[-1]
    return _rows(symbol, closes, noise, busy, end_ms, rng)


def _wander(rng: np.random.Generator, minutes: int, kind: History) -> tuple[Floats, Floats]:
    """Changes and their size by the minute: days of trends and of chop, calm hours and wild ones."""
    hours = minutes // _HOUR
    clusters = np.convolve(rng.normal(0, 1, hours + 11), np.full(12, 1 / 12), "valid") * 1.2
    size = {"choppy": _CHOPPY_NOISE, "lively breakout": _LIVELY * _BASE_NOISE}.get(kind, _BASE_NOISE)
    noise = np.repeat(np.exp(clusters), _HOUR) * size
    days = hours // 24 + 1
    drift = np.repeat(rng.normal(0, 0.00001, days), 24 * _HOUR)[:minutes]
    steps = drift + noise * rng.standard_t(5, minutes) * 0.77
    # no trend over the whole time, so that rates stay near today's
    return steps - steps.mean(), noise


def _lay_range(steps: Floats, noise: Floats, rng: np.random.Generator) -> None:
    """End in a range: rates return to its middle within hours, so that no trend can form."""
    length = _RANGE_HOURS * _HOUR
    noise[-length:] = noise[-length:].mean()
    shocks = rng.normal(0, 1, length) * noise[-length:]
    level, levels = 0.0, np.empty(length)
    for minute in range(length):
        level += shocks[minute] - level / _RANGE_MINUTES
        levels[minute] = level
    steps[-length:] = np.diff(levels, prepend=0.0)


def _lay_breakout(
    steps: Floats, busy: Floats, noise: Floats, rng: np.random.Generator, broken: int, factor: float
) -> None:
    """
    End in a trend that gathers pace, an hour and a half of rest, a break of its top within one 5m candle
    on high volume, and slow progress since.

    :param broken: the minute at which that candle ends; may lie up to two behind the last one.
    :param factor: on all moves.
    """
    hours, rest_start = _TREND_HOURS, broken - 5 - _REST_MINUTES
    trend = slice(rest_start - hours * _HOUR, rest_start)
    noise[trend] = _BASE_NOISE
    wiggle = rng.normal(0, 1, (hours, _HOUR)) * _BASE_NOISE
    # hours keep most of their noise inside, so that every seed gives the same trend
    wiggle -= wiggle.mean(axis=1, keepdims=True) * 0.6
    steps[trend] = np.linspace(-0.6, 2.6, hours * _HOUR) * _TREND_PER_HOUR / _HOUR + wiggle.ravel()
    rest = slice(rest_start, broken - 5)
    noise[rest] = _BASE_NOISE * 0.3
    range_ = np.cumsum(rng.normal(0, 1, _REST_MINUTES)) * 0.00008
    steps[rest] = np.diff(range_ - np.linspace(0, range_[-1], _REST_MINUTES), prepend=0.0)
    noise[broken - 5 :] = _BASE_NOISE * 0.2
    breaking = min(broken, len(steps)) - (broken - 5)
    steps[broken - 5 :] = _SLOW_PROGRESS
    steps[broken - 5 : broken] = _BREAKOUT / breaking
    busy[broken - 5 : broken] = 4.0
    steps[trend.start :] *= factor
    noise[trend.start :] *= factor


def _rows(
    symbol: Symbol, closes: Floats, noise: Floats, busy: Floats, end_ms: int, rng: np.random.Generator
) -> Rows:
    minutes = len(closes)
    opens = np.concatenate([closes[:1], closes[:-1]])
    wicks = np.abs(rng.normal(0, 0.5, (2, minutes))) * noise
    rows = np.zeros((minutes, 11), dtype=np.int64)
    rows[:, OPEN_MS] = end_ms - MINUTE_MS * np.arange(minutes, 0, -1)
    for column, rates in (
        (OPEN, opens),
        (HIGH, np.maximum(opens, closes) * (1 + wicks[0])),
        (LOW, np.minimum(opens, closes) * (1 - wicks[1])),
        (CLOSE, closes),
    ):
        rows[:, column] = np.maximum(np.round(rates / symbol.tick), 1) * symbol.tick
    moved = np.abs(np.log(closes / opens)) / noise
    spent = symbol.touch_cost * symbol.pace * 0.8 * busy * (0.4 + moved) * rng.lognormal(0, 0.5, minutes)
    rows[:, AMOUNT] = np.maximum(np.round(spent * E8 / closes * E8 / symbol.step), 1) * symbol.step
    typical = (rows[:, OPEN] + rows[:, HIGH] + rows[:, LOW] + rows[:, CLOSE]) / 4 / E8
    bought = np.clip(0.5 + (closes - opens) / opens / noise * 0.1 + rng.normal(0, 0.08, minutes), 0.05, 0.95)
    rows[:, BUY_AMOUNT] = np.round(rows[:, AMOUNT] * bought / symbol.step) * symbol.step
    rows[:, COST] = rows[:, AMOUNT] * typical
    rows[:, BUY_COST] = rows[:, BUY_AMOUNT] * typical
    rows[:, COUNT] = 1 + spent / 4000
    rows[:, FIRST_ID] = 3_000_000_000 + np.cumsum(rows[:, COUNT]) - rows[:, COUNT]
    return rows
