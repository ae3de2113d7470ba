"""Probes on a replayed book: begin them, show them prints, differences and quotes, put them away."""

from __future__ import annotations

import math
from typing import Any

from freqtrade_ext.fidelity.compiled import compiled
from freqtrade_ext.fidelity.levels import NOBODY, best, drop_if_empty, find
from freqtrade_ext.fidelity.play_state import (
    CHANGED,
    END,
    ENDED,
    EXECUTED,
    MID,
    PLACE,
    PROBE,
    PROBES_DONE,
    RATE,
    SECOND,
    SIZE,
    START,
    TOP_CHANGES,
    TOPS,
    TRUE,
    is_warm,
    note,
)
from freqtrade_ext.fidelity.rules import PROBES, RULES, STOCK, fill, see_level, see_print, see_quotes

SECOND_MS = 1_000.0
LAST_MS = 60_000.0
"""the longest horizon"""
STOCK_LOOK_MS = 5_000.0
"""`process_throttle_secs` of freqtrade is 5"""


@compiled
def follow(run: Any, side: int, at: int, order: int, size: float, time_ms: float) -> None:
    """Start a probe behind all that a level displays: a real order by its slot, or a phantom (-1)."""
    levels, probes = run.levels, run.probes
    if probes.used[0] == PROBES:
        return
    probe = probes.live[probes.used[0]]
    probes.used[0] += 1
    displayed = levels.amount[side, at]
    probes.side[probe], probes.key[probe], probes.order[probe] = side, levels.key[side, at], order
    probes.place[probe], probes.size[probe], probes.start_ms[probe] = run.state[PLACE], size, time_ms
    probes.own[probe] = size if order >= 0 else 0.0
    probes.true_left[probe], probes.mid[probe] = size, (abs(best(levels, 0)) + abs(best(levels, 1))) / 2
    probes.end_ms[probe] = probes.executed_ms[probe] = probes.true_ms[probe] = math.inf
    probes.shown[probe], probes.printed[probe], probes.crossed_ms[probe] = displayed, 0.0, math.inf
    probes.ahead[probe], probes.left[probe] = displayed, size
    probes.taken[probe], probes.filled_ms[probe] = 0.0, math.inf
    probes.open[probe] = len(RULES) - 1
    probes.next[probe], levels.probe[side, at] = levels.probe[side, at], probe


@compiled
def show_shrink(run: Any, slot: int, at: int, gone: float, is_execution: bool, time_ms: float) -> None:
    """Show the probes of a level that a real order there has become smaller."""
    orders, probes = run.orders, run.probes
    probe = run.levels.probe[orders.side[slot], at]
    while probe != NOBODY:
        if orders.place[slot] == probes.place[probe] and probes.order[probe] == slot:
            _shrink(probes, probe, gone, is_execution, time_ms)
        elif is_execution and orders.place[slot] > probes.place[probe]:
            _reach(probes, probe, time_ms)
        probe = probes.next[probe]


@compiled
def _shrink(probes: Any, probe: int, gone: float, is_execution: bool, time_ms: float) -> None:
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
def show_print(run: Any, side: int, key: float, amount: float, time_ms: float, is_nobodys: bool) -> None:
    """Show a print against a side to the probes at its key and better."""
    levels, probes = run.levels, run.probes
    at = levels.used[side] - 1
    while at >= 0 and levels.key[side, at] >= key:
        is_through = levels.key[side, at] > key
        probe = levels.probe[side, at]
        note(run, side, at)
        while probe != NOBODY:
            see_print(probes, probe, amount, time_ms, is_through)
            if is_through or (is_nobodys and levels.amount[side, at] <= 0):
                _reach(probes, probe, time_ms)
            probe = probes.next[probe]
        at -= 1


@compiled
def show_difference(run: Any, time_ms: float) -> None:
    """Show the probes what changed; each second, end those that are over and begin others."""
    levels, state = run.levels, run.state
    _show_levels(run)
    _show_quotes(run, time_ms)
    bid, ask = best(levels, 0), -best(levels, 1)
    has_both, top = bid > -math.inf and ask < math.inf, int(state[TOPS])
    if has_both and top < TOP_CHANGES:
        run.tops[top, 0], run.tops[top, 1], run.tops[top, 2] = time_ms, bid, ask
        state[TOPS] += 1
    if time_ms - state[SECOND] < SECOND_MS:
        return
    state[SECOND] = time_ms - time_ms % SECOND_MS
    _end(run, time_ms, bid, ask)
    if has_both and is_warm(run, time_ms):
        for side in range(2):
            state[PLACE] += 1
            follow(run, side, find(levels, side, bid if side == 0 else -ask), -1, 1.0, time_ms)


@compiled
def _show_levels(run: Any) -> None:
    levels, probes = run.levels, run.probes
    for number in range(int(run.state[CHANGED])):
        side, key = int(run.changed[number, 0]), run.changed[number, 1]
        at = find(levels, side, key)
        if at < levels.used[side] and levels.key[side, at] == key:
            probe = levels.probe[side, at]
            while probe != NOBODY:
                see_level(probes, probe, max(levels.amount[side, at] - probes.own[probe], 0.0))
                probe = probes.next[probe]
    run.state[CHANGED] = 0


@compiled
def _show_quotes(run: Any, time_ms: float) -> None:
    """Show the opposite quotes to probes at or through which they stand, and to those that they have left."""
    levels, probes = run.levels, run.probes
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
def _end(run: Any, time_ms: float, bid: float, ask: float) -> None:
    """Show the book to stock freqtrade's rule, and remove probes that are over."""
    probes = run.probes
    position = 0
    while position < probes.used[0]:
        probe = probes.live[position]
        age_ms = time_ms - probes.start_ms[probe]
        is_crossed = ask <= probes.key[probe] if probes.side[probe] == 0 else -bid <= probes.key[probe]
        if is_crossed and age_ms >= STOCK_LOOK_MS and age_ms % STOCK_LOOK_MS < SECOND_MS:
            fill(probes, STOCK, probe, math.inf, time_ms)
        if (age_ms > LAST_MS or probes.end_ms[probe] < math.inf) and run.state[PROBES_DONE] < ENDED:
            _put_away(run, probe)
            probes.used[0] -= 1
            probes.live[position] = probes.live[probes.used[0]]
            probes.live[probes.used[0]] = probe
        else:
            position += 1


@compiled
def _put_away(run: Any, probe: int) -> None:
    levels, probes = run.levels, run.probes
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
