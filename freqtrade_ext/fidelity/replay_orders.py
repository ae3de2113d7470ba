"""Play an order-by-order tape: rebuild its book, follow the probes, show them differences and prints."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from freqtrade_ext.fidelity.compiled import compiled
from freqtrade_ext.fidelity.levels import NOBODY, best, drop_if_empty, find, level_at
from freqtrade_ext.fidelity.rules import (
    PROBES,
    RULES,
    STOCK,
    fill,
    see_level,
    see_print,
    see_quotes,
)
from freqtrade_ext.tape.by_order import DELETE, EXECUTION, NEW, PRINT, SET

DIFFERENCE_MS = 100.0
SECOND_MS = 1_000.0
WARM_UP_MS = 60_000.0
"""no probe begins before the tape has run for so long"""
LAST_MS = 60_000.0
"""the longest horizon"""
STOCK_LOOK_MS = 5_000.0
"""`process_throttle_secs` of freqtrade is 5"""
STALE_MS = 2_000.0
"""an order that still crosses after so long shows that what it crosses is stale"""
START_MS, NEXT_MS, SECOND, PLACE, PROBES_DONE, TOPS, CHANGED = range(7)
"""of `Play.state`"""
ENDED, TOP_CHANGES = 1 << 16, 1 << 18
"""room for what one chunk may bring"""
PROBE, START, RATE, MID, SIZE, END, TRUE, EXECUTED = range(8)
"""columns of `Play.ended`, before one of filled times for each rule"""


class Play(NamedTuple):
    """What is kept between chunks, besides the book and the probes."""

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
    ended = np.zeros((ENDED, EXECUTED + 1 + len(RULES)))
    return Play(state, ended, np.zeros((TOP_CHANGES, 3)), np.zeros((1 << 14, 2)))


@compiled
def play(events: Any, levels: Any, orders: Any, index: Any, probes: Any, run: Any) -> None:
    """Use a chunk of events; the caller takes what is in `ended` and `tops` and sets their counts to 0."""
    state = run.state
    for row in range(len(events.time_ms)):
        time_ms = events.time_ms[row]
        if state[START_MS] < 0:
            state[START_MS], state[NEXT_MS] = time_ms, time_ms - time_ms % DIFFERENCE_MS + DIFFERENCE_MS
        while time_ms >= state[NEXT_MS]:
            _difference(levels, probes, run, state[NEXT_MS])
            # a calm market is looked at each second
            second = state[NEXT_MS] - state[NEXT_MS] % SECOND_MS + SECOND_MS
            state[NEXT_MS] = min(second, time_ms - time_ms % DIFFERENCE_MS + DIFFERENCE_MS)
        _use(events, row, levels, orders, index, probes, run)
        if orders.used[1]:
            _settle(levels, orders, index, probes, run, time_ms)


@compiled
def _use(events: Any, row: int, levels: Any, orders: Any, index: Any, probes: Any, run: Any) -> None:
    time_ms, kind, order = events.time_ms[row], events.kind[row], events.id[row]
    side, rate, amount = 0 if events.side[row] > 0 else 1, events.rate[row], events.amount[row]
    if kind == NEW and order not in index:
        slot = _place(levels, orders, side, rate if side == 0 else -rate, amount, time_ms)
        index[order] = slot
        if not _crosses(levels, orders, slot):
            _rest(levels, orders, slot, probes, run, time_ms, True)
    elif order in index:
        _change(levels, orders, index, order, kind, amount, probes, run, time_ms)
    elif kind in (PRINT, EXECUTION):
        if events.side[row] == 0:  # told by the middle, where nobody tells the aggressor
            side = 1 if 2 * rate > best(levels, 0) - best(levels, 1) else 0
        _print(levels, probes, run, side, rate if side == 0 else -rate, amount, time_ms, True)


@compiled
def _change(
    levels: Any,
    orders: Any,
    index: Any,
    order: int,
    kind: int,
    amount: float,
    probes: Any,
    run: Any,
    time_ms: float,
) -> None:
    slot = index[order]
    gone = amount
    if kind in (SET, NEW):
        gone = orders.left[slot] - amount
    elif kind == DELETE:
        gone = orders.left[slot]
    _shrink(levels, orders, slot, gone, kind == EXECUTION, probes, run, time_ms)
    if kind == DELETE or orders.left[slot] <= 0:  # LOBSTER tells of no end after a full execution
        _forget(orders, index, order, slot)


@compiled
def _place(levels: Any, orders: Any, side: int, key: float, amount: float, time_ms: float) -> int:
    if orders.used[0] == 0:
        raise ValueError("the tape has more orders at once than can be kept")
    orders.used[0] -= 1
    slot = orders.free[orders.used[0]]
    orders.side[slot], orders.key[slot], orders.left[slot] = side, key, amount
    orders.place[slot], orders.since_ms[slot] = 0, time_ms
    if _crosses(levels, orders, slot):
        orders.crossing[orders.used[1]] = slot
        orders.used[1] += 1
    return slot


@compiled
def _crosses(levels: Any, orders: Any, slot: int) -> bool:
    return orders.key[slot] >= -best(levels, 1 - orders.side[slot])


@compiled
def _rest(
    levels: Any, orders: Any, slot: int, probes: Any, run: Any, time_ms: float, may_probe: bool
) -> None:
    """Add an order to the book; one that joins the best becomes a probe."""
    side, key = orders.side[slot], orders.key[slot]
    run.state[PLACE] += 1
    orders.place[slot] = run.state[PLACE]
    touch = best(levels, side)
    at = level_at(levels, side, key)
    if may_probe and key == touch and best(levels, 1 - side) > -math.inf and _is_warm(run, time_ms):
        mid = (abs(touch) + abs(best(levels, 1 - side))) / 2
        _follow(levels, probes, at, side, slot, run.state[PLACE], orders.left[slot], time_ms, mid)
    levels.amount[side, at] += orders.left[slot]
    _note(levels, run, side, at)


@compiled
def _is_warm(run: Any, time_ms: float) -> bool:
    return time_ms - run.state[START_MS] >= WARM_UP_MS


@compiled
def _follow(
    levels: Any,
    probes: Any,
    at: int,
    side: int,
    order: int,
    place: int,
    size: float,
    start_ms: float,
    mid: float,
) -> None:
    """Start a probe behind all that a level displays."""
    if probes.used[0] == PROBES:
        return
    probe = probes.live[probes.used[0]]
    probes.used[0] += 1
    displayed = levels.amount[side, at]
    probes.side[probe], probes.key[probe], probes.order[probe] = side, levels.key[side, at], order
    probes.place[probe], probes.size[probe], probes.start_ms[probe] = place, size, start_ms
    probes.own[probe] = size if order >= 0 else 0.0
    probes.true_left[probe], probes.mid[probe] = size, mid
    probes.end_ms[probe] = probes.executed_ms[probe] = probes.true_ms[probe] = math.inf
    probes.shown[probe], probes.printed[probe], probes.crossed_ms[probe] = displayed, 0.0, math.inf
    probes.ahead[probe], probes.left[probe] = displayed, size
    probes.taken[probe], probes.filled_ms[probe] = 0.0, math.inf
    probes.open[probe] = len(RULES) - 1
    probes.next[probe], levels.probe[side, at] = levels.probe[side, at], probe


@compiled
def _shrink(
    levels: Any,
    orders: Any,
    slot: int,
    gone: float,
    is_execution: bool,
    probes: Any,
    run: Any,
    time_ms: float,
) -> None:
    """Reduce an order by an amount; an execution is printed first."""
    side, key = orders.side[slot], orders.key[slot]
    is_resting = orders.place[slot] > 0
    if is_execution:
        _print(
            levels,
            probes,
            run,
            side if is_resting else 1 - side,
            key if is_resting else -key,
            gone,
            time_ms,
            not is_resting,
        )
    gone = min(gone, orders.left[slot])
    orders.left[slot] -= gone
    if not is_resting or gone == 0:
        return
    at = find(levels, side, key)
    levels.amount[side, at] -= gone
    _note(levels, run, side, at)
    probe = levels.probe[side, at]
    while probe != NOBODY:
        if orders.place[slot] == probes.place[probe] and probes.order[probe] == slot:
            _shrink_probe(probes, probe, gone, is_execution, time_ms)
        elif is_execution and orders.place[slot] > probes.place[probe]:
            _reach(probes, probe, time_ms)
        probe = probes.next[probe]
    drop_if_empty(levels, side, at)


@compiled
def _shrink_probe(probes: Any, probe: int, gone: float, is_execution: bool, time_ms: float) -> None:
    """An execution fills the real order; what it cancels of itself is wanted by no rule any more."""
    probes.own[probe] -= gone
    if is_execution:
        probes.true_left[probe] -= gone
        if probes.true_left[probe] <= 0:
            probes.executed_ms[probe] = probes.true_ms[probe] = time_ms
    elif probes.own[probe] <= 0:
        probes.end_ms[probe] = time_ms
    else:
        probes.true_left[probe] -= gone
        for rule in range(len(RULES)):
            fill(probes, rule, probe, min(gone, probes.left[probe, rule]), time_ms)


@compiled
def _reach(probes: Any, probe: int, time_ms: float) -> None:
    """An execution of what is behind a phantom would have reached it."""
    if probes.order[probe] < 0:
        probes.executed_ms[probe] = min(probes.executed_ms[probe], time_ms)
        probes.true_ms[probe] = min(probes.true_ms[probe], time_ms)


@compiled
def _print(
    levels: Any, probes: Any, run: Any, side: int, key: float, amount: float, time_ms: float, is_nobodys: bool
) -> None:
    """Show a print against a side to the probes at its key and better."""
    at = levels.used[side] - 1
    while at >= 0 and levels.key[side, at] >= key:
        is_through = levels.key[side, at] > key
        probe = levels.probe[side, at]
        if probe != NOBODY:
            _note(levels, run, side, at)
        while probe != NOBODY:
            see_print(probes, probe, amount, time_ms, is_through)
            if is_through or (is_nobodys and levels.amount[side, at] <= 0):
                _reach(probes, probe, time_ms)
            probe = probes.next[probe]
        at -= 1


@compiled
def _note(levels: Any, run: Any, side: int, at: int) -> None:
    """Remember a level with probes for the next difference."""
    count, key = int(run.state[CHANGED]), levels.key[side, at]
    if levels.probe[side, at] == NOBODY or count == len(run.changed):
        return
    for number in range(count):
        if run.changed[number, 0] == side and run.changed[number, 1] == key:
            return
    run.changed[count, 0], run.changed[count, 1] = side, key
    run.state[CHANGED] += 1


@compiled
def _forget(orders: Any, index: Any, order: int, slot: int) -> None:
    del index[order]
    orders.free[orders.used[0]] = slot
    orders.used[0] += 1
    for position in range(orders.used[1]):
        if orders.crossing[position] == slot:
            orders.used[1] -= 1
            orders.crossing[position] = orders.crossing[orders.used[1]]
            break


@compiled
def _settle(levels: Any, orders: Any, index: Any, probes: Any, run: Any, time_ms: float) -> None:
    """Rest orders that no longer cross; remove those that are crossed for seconds as stale."""
    position = 0
    while position < orders.used[1]:
        slot = orders.crossing[position]
        if _crosses(levels, orders, slot):
            if time_ms - orders.since_ms[slot] <= STALE_MS:
                position += 1
                continue
            for order, other in list(index.items()):
                is_crossed = orders.side[other] != orders.side[slot] and orders.place[other] > 0
                if is_crossed and -orders.key[other] <= orders.key[slot]:
                    _shrink(levels, orders, other, orders.left[other], False, probes, run, time_ms)
                    _forget(orders, index, order, other)
        orders.used[1] -= 1
        orders.crossing[position] = orders.crossing[orders.used[1]]
        if orders.left[slot] > 0:
            _rest(levels, orders, slot, probes, run, time_ms, False)


@compiled
def _difference(levels: Any, probes: Any, run: Any, time_ms: float) -> None:
    """Show the probes what changed, end those that are over and begin others."""
    state = run.state
    for number in range(int(state[CHANGED])):
        side, key = int(run.changed[number, 0]), run.changed[number, 1]
        at = find(levels, side, key)
        if at < levels.used[side] and levels.key[side, at] == key:
            probe = levels.probe[side, at]
            while probe != NOBODY:
                see_level(probes, probe, max(levels.amount[side, at] - probes.own[probe], 0.0))
                probe = probes.next[probe]
    state[CHANGED] = 0
    bid, ask = best(levels, 0), -best(levels, 1)
    _quotes(levels, probes, time_ms)
    top = int(state[TOPS])
    if bid > -math.inf and ask < math.inf and top < TOP_CHANGES:
        run.tops[top, 0], run.tops[top, 1], run.tops[top, 2] = time_ms, bid, ask
        state[TOPS] += 1
    if time_ms - state[SECOND] < SECOND_MS:
        return
    state[SECOND] = time_ms - time_ms % SECOND_MS
    _end(levels, probes, run, time_ms, bid, ask)
    if bid > -math.inf and ask < math.inf and _is_warm(run, time_ms):
        for side in range(2):
            state[PLACE] += 1
            at = find(levels, side, bid if side == 0 else -ask)
            _follow(levels, probes, at, side, -1, state[PLACE], 1.0, time_ms, (bid + ask) / 2)


@compiled
def _quotes(levels: Any, probes: Any, time_ms: float) -> None:
    """Show the opposite quotes to probes at or through which they stand, and to those that they have left."""
    for side in range(2):
        opposite = -best(levels, 1 - side)
        at = levels.used[side] - 1
        while at >= 0 and (levels.key[side, at] >= opposite or levels.amount[side, at] <= 0):
            probe, amount = levels.probe[side, at], 0.0
            other = levels.used[1 - side] - 1
            while other >= 0 and -levels.key[1 - side, other] <= levels.key[side, at]:
                amount += levels.amount[1 - side, other]
                other -= 1
            while probe != NOBODY:
                see_quotes(probes, probe, amount, time_ms)
                probe = probes.next[probe]
            at -= 1


@compiled
def _end(levels: Any, probes: Any, run: Any, time_ms: float, bid: float, ask: float) -> None:
    """Show the book to stock freqtrade's rule, and remove probes that are over."""
    position = 0
    while position < probes.used[0]:
        probe = probes.live[position]
        age_ms = time_ms - probes.start_ms[probe]
        is_crossed = ask <= probes.key[probe] if probes.side[probe] == 0 else -bid <= probes.key[probe]
        if is_crossed and age_ms >= STOCK_LOOK_MS and age_ms % STOCK_LOOK_MS < SECOND_MS:
            fill(probes, STOCK, probe, math.inf, time_ms)
        if (age_ms > LAST_MS or probes.end_ms[probe] < math.inf) and run.state[PROBES_DONE] < ENDED:
            _put_away(levels, probes, run, probe)
            probes.used[0] -= 1
            probes.live[position] = probes.live[probes.used[0]]
            probes.live[probes.used[0]] = probe
        else:
            position += 1


@compiled
def _put_away(levels: Any, probes: Any, run: Any, probe: int) -> None:
    row = run.ended[int(run.state[PROBES_DONE])]
    row[PROBE], row[START], row[RATE] = probes.order[probe] >= 0, probes.start_ms[probe], probes.key[probe]
    row[MID], row[SIZE], row[END] = probes.mid[probe], probes.size[probe], probes.end_ms[probe]
    row[TRUE], row[EXECUTED] = probes.true_ms[probe], probes.executed_ms[probe]
    for rule in range(len(RULES)):
        row[EXECUTED + 1 + rule] = probes.filled_ms[probe, rule]
    run.state[PROBES_DONE] += 1
    side = probes.side[probe]
    at = find(levels, side, probes.key[probe])
    if levels.probe[side, at] == probe:
        levels.probe[side, at] = probes.next[probe]
    else:
        before = levels.probe[side, at]
        while probes.next[before] != probe:
            before = probes.next[before]
        probes.next[before] = probes.next[probe]
    drop_if_empty(levels, side, at)
