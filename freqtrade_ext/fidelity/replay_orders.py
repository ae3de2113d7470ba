"""Play an order-by-order tape: rebuild its book, and show the probes what happens in it."""

from __future__ import annotations

import math
from typing import Any

from freqtrade_ext.fidelity.compiled import compiled
from freqtrade_ext.fidelity.levels import best, drop_if_empty, find, level_at
from freqtrade_ext.fidelity.play_state import NEXT_MS, PLACE, START_MS, is_warm, note
from freqtrade_ext.fidelity.probing import SECOND_MS, follow, show_difference, show_print, show_shrink
from freqtrade_ext.tape.order_events import DELETE, EXECUTION, NEW, PRINT, SET

DIFFERENCE_MS = 100.0
STALE_MS = 2_000.0
"""an order that still crosses after so long shows that what it crosses is stale"""


@compiled
def play(events: Any, run: Any) -> None:
    """Use a chunk of events; the caller takes what is in `ended` and `tops` and sets their counts to 0."""
    state = run.state
    for row in range(len(events.time_ms)):
        time_ms = events.time_ms[row]
        if state[START_MS] < 0:
            state[START_MS], state[NEXT_MS] = time_ms, time_ms - time_ms % DIFFERENCE_MS + DIFFERENCE_MS
        while time_ms >= state[NEXT_MS]:
            show_difference(run, state[NEXT_MS])
            # a calm market is looked at each second
            second = state[NEXT_MS] - state[NEXT_MS] % SECOND_MS + SECOND_MS
            state[NEXT_MS] = min(second, time_ms - time_ms % DIFFERENCE_MS + DIFFERENCE_MS)
        _use(events, row, run)
        if run.orders.used[1]:
            _settle(run, time_ms)


@compiled
def _use(events: Any, row: int, run: Any) -> None:
    time_ms, kind, order = events.time_ms[row], events.kind[row], events.id[row]
    side, rate, amount = 0 if events.side[row] > 0 else 1, events.rate[row], events.amount[row]
    if kind == NEW and order not in run.index:
        slot = _place(run, side, rate if side == 0 else -rate, amount, time_ms)
        run.index[order] = slot
        if not _crosses(run, slot):
            _rest(run, slot, time_ms, True)
    elif order in run.index:
        _change(run, order, kind, amount, time_ms)
    elif kind in (PRINT, EXECUTION):
        if events.side[row] == 0:  # told by the middle, where nobody tells the aggressor
            side = 1 if 2 * rate > best(run.levels, 0) - best(run.levels, 1) else 0
        show_print(run, side, rate if side == 0 else -rate, amount, time_ms, True)


@compiled
def _change(run: Any, order: int, kind: int, amount: float, time_ms: float) -> None:
    slot = run.index[order]
    gone = amount
    if kind in (SET, NEW):
        gone = run.orders.left[slot] - amount
    elif kind == DELETE:
        gone = run.orders.left[slot]
    _shrink(run, slot, gone, kind == EXECUTION, time_ms)
    if kind == DELETE or run.orders.left[slot] <= 0:  # LOBSTER tells of no end after a full execution
        _forget(run, order, slot)


@compiled
def _place(run: Any, side: int, key: float, amount: float, time_ms: float) -> int:
    orders = run.orders
    if orders.used[0] == 0:
        raise ValueError("the tape has more orders at once than can be kept")
    orders.used[0] -= 1
    slot = orders.free[orders.used[0]]
    orders.side[slot], orders.key[slot], orders.left[slot] = side, key, amount
    orders.place[slot], orders.since_ms[slot] = 0, time_ms
    if _crosses(run, slot):
        orders.crossing[orders.used[1]] = slot
        orders.used[1] += 1
    return slot


@compiled
def _crosses(run: Any, slot: int) -> bool:
    return run.orders.key[slot] >= -best(run.levels, 1 - run.orders.side[slot])


@compiled
def _rest(run: Any, slot: int, time_ms: float, may_probe: bool) -> None:
    """Add an order to the book; one that joins the best becomes a probe."""
    levels, orders = run.levels, run.orders
    side, key = orders.side[slot], orders.key[slot]
    run.state[PLACE] += 1
    orders.place[slot] = run.state[PLACE]
    is_best = key == best(levels, side) and best(levels, 1 - side) > -math.inf
    at = level_at(levels, side, key)
    if may_probe and is_best and is_warm(run, time_ms):
        follow(run, side, at, slot, orders.left[slot], time_ms)
    levels.amount[side, at] += orders.left[slot]
    note(run, side, at)


@compiled
def _shrink(run: Any, slot: int, gone: float, is_execution: bool, time_ms: float) -> None:
    """Reduce an order by an amount; an execution is printed first."""
    levels, orders = run.levels, run.orders
    side, key = orders.side[slot], orders.key[slot]
    is_resting = orders.place[slot] > 0
    if is_execution and is_resting:
        show_print(run, side, key, gone, time_ms, False)
    elif is_execution:
        show_print(run, 1 - side, -key, gone, time_ms, True)
    gone = min(gone, orders.left[slot])
    orders.left[slot] -= gone
    if not is_resting or gone == 0:
        return
    at = find(levels, side, key)
    levels.amount[side, at] -= gone
    note(run, side, at)
    show_shrink(run, slot, at, gone, is_execution, time_ms)
    drop_if_empty(levels, side, at)


@compiled
def _forget(run: Any, order: int, slot: int) -> None:
    orders = run.orders
    del run.index[order]
    orders.free[orders.used[0]] = slot
    orders.used[0] += 1
    for position in range(orders.used[1]):
        if orders.crossing[position] == slot:
            orders.used[1] -= 1
            orders.crossing[position] = orders.crossing[orders.used[1]]
            break


@compiled
def _settle(run: Any, time_ms: float) -> None:
    """Rest orders that no longer cross; remove those that are crossed for seconds as stale."""
    orders = run.orders
    position = 0
    while position < orders.used[1]:
        slot = orders.crossing[position]
        if _crosses(run, slot):
            if time_ms - orders.since_ms[slot] <= STALE_MS:
                position += 1
                continue
            for order, other in list(run.index.items()):
                is_crossed = orders.side[other] != orders.side[slot] and orders.place[other] > 0
                if is_crossed and -orders.key[other] <= orders.key[slot]:
                    _shrink(run, other, orders.left[other], False, time_ms)
                    _forget(run, order, other)
        orders.used[1] -= 1
        orders.crossing[position] = orders.crossing[orders.used[1]]
        if orders.left[slot] > 0:
            _rest(run, slot, time_ms, False)
