"""A book by order, in arrays that compiled functions work on: levels best last, orders by slot."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from freqtrade_ext.fidelity.compiled import compiled

LEVELS, ORDERS = 1 << 16, 1 << 18
"""most that a tape may have at once"""
NOBODY = -1


class Levels(NamedTuple):
    """Both sides, as rows of each array; a level stays while it has an amount or a probe."""

    key: np.ndarray
    """rate of a bid, minus rate of an ask: ascending, the best last"""
    amount: np.ndarray
    probe: np.ndarray
    """the first of the probes that rest there"""
    used: np.ndarray
    """levels of each side"""


class Orders(NamedTuple):
    """Orders by slot."""

    side: np.ndarray
    key: np.ndarray
    left: np.ndarray
    place: np.ndarray
    """rising number of when it came to rest; 0 while it crosses the other side"""
    since_ms: np.ndarray
    free: np.ndarray
    """slots; the first of `used` says how many"""
    crossing: np.ndarray
    """slots of the orders that cross; the second of `used` says how many"""
    used: np.ndarray


def new_levels() -> Levels:
    keys, amounts = (np.zeros((2, LEVELS)) for _ in range(2))
    return Levels(keys, amounts, np.full((2, LEVELS), NOBODY), np.zeros(2, np.int64))


def new_orders() -> Orders:
    sides, places, crossing = (np.zeros(ORDERS, np.int64) for _ in range(3))
    keys, left, since_ms = (np.zeros(ORDERS) for _ in range(3))
    return Orders(sides, keys, left, places, since_ms, np.arange(ORDERS), crossing, np.array([ORDERS, 0]))


@compiled
def find(levels: Any, side: int, key: float) -> int:
    """Return the position of the first level at this key or better."""
    low, high = 0, levels.used[side]
    while low < high:
        middle = (low + high) // 2
        if levels.key[side, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def level_at(levels: Any, side: int, key: float) -> int:
    """Return the position of the level, which is made where there is none."""
    at, count = find(levels, side, key), levels.used[side]
    if at < count and levels.key[side, at] == key:
        return at
    if count == LEVELS:
        raise ValueError("the tape has more levels at once than can be kept")
    for to in range(count, at, -1):
        _copy(levels, side, to - 1, to)
    levels.key[side, at], levels.amount[side, at] = key, 0.0
    levels.probe[side, at] = NOBODY
    levels.used[side] = count + 1
    return at


@compiled
def drop_if_empty(levels: Any, side: int, at: int) -> None:
    if levels.amount[side, at] > 0 or levels.probe[side, at] != NOBODY:
        return
    levels.used[side] -= 1
    for to in range(at, levels.used[side]):
        _copy(levels, side, to + 1, to)


@compiled
def _copy(levels: Any, side: int, source: int, to: int) -> None:
    levels.key[side, to] = levels.key[side, source]
    levels.amount[side, to] = levels.amount[side, source]
    levels.probe[side, to] = levels.probe[side, source]


@compiled
def best(levels: Any, side: int) -> float:
    """Return the best displayed key; minus infinity where the side is empty."""
    at = levels.used[side] - 1
    while at >= 0 and levels.amount[side, at] <= 0:
        at -= 1
    return levels.key[side, at] if at >= 0 else -np.inf
