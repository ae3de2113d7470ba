"""What is kept between the chunks of an order-by-order tape: its book, the probes, and what they found."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from freqtrade_ext.fidelity.compiled import compiled, new_index
from freqtrade_ext.fidelity.levels import NOBODY, Levels, Orders, new_levels, new_orders
from freqtrade_ext.fidelity.rules import RULES, Probes, new_probes

WARM_UP_MS = 60_000.0
"""no probe begins before the tape has run for so long"""
START_MS, NEXT_MS, SECOND, PLACE, PROBES_DONE, TOPS, CHANGED = range(7)
"""of `Play.state`"""
ENDED, TOP_CHANGES = 1 << 16, 1 << 18
"""room for what one chunk may bring"""
PROBE, START, RATE, MID, SIZE, END, TRUE, EXECUTED = range(8)
"""columns of `Play.ended`, before one of filled times for each rule"""


class Play(NamedTuple):
    """What is kept between the chunks of a tape."""

    levels: Levels
    orders: Orders
    index: Any
    """slot of each order by its id"""
    probes: Probes
    state: np.ndarray
    ended: np.ndarray
    """probes that are over"""
    tops: np.ndarray
    """time, best bid and best ask after each difference that changed them"""
    changed: np.ndarray
    """side and key of levels with probes that changed since the last difference"""


def new_play() -> Play:
    state = np.zeros(7)
    state[START_MS] = -1.0
    return Play(
        new_levels(),
        new_orders(),
        new_index(),
        new_probes(),
        state,
        ended=np.zeros((ENDED, EXECUTED + 1 + len(RULES))),
        tops=np.zeros((TOP_CHANGES, 3)),
        changed=np.zeros((1 << 14, 2)),
    )


@compiled
def is_warm(run: Any, time_ms: float) -> bool:
    return time_ms - run.state[START_MS] >= WARM_UP_MS


@compiled
def note(run: Any, side: int, at: int) -> None:
    """Remember a level with probes for the next difference."""
    count, key = int(run.state[CHANGED]), run.levels.key[side, at]
    if run.levels.probe[side, at] == NOBODY or count == len(run.changed):
        return
    for number in range(count):
        if run.changed[number, 0] == side and run.changed[number, 1] == key:
            return
    run.changed[count, 0], run.changed[count, 1] = side, key
    run.state[CHANGED] += 1
