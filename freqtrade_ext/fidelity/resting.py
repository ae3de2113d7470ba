"""How true the fills of resting orders are: play order-by-order tapes, score each rule against the truth."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freqtrade_ext.fidelity.play_state import (
    END,
    EXECUTED,
    MID,
    PROBE,
    PROBES_DONE,
    RATE,
    START,
    TOPS,
    TRUE,
    Play,
    new_play,
)
from freqtrade_ext.fidelity.probing import LAST_MS
from freqtrade_ext.fidelity.replay_orders import play
from freqtrade_ext.fidelity.rules import RULES
from freqtrade_ext.fills.queue import ESTIMATES
from freqtrade_ext.tape import RecordingError
from freqtrade_ext.tape.by_order import OrderTape, tapes
from freqtrade_ext.tape.order_events import CUT, Events

HORIZONS_S = (1, 10, 30, 60)
WAIT_MS = 30_000
"""an attempt joins the best, waits so long and then takes"""
MARKOUT_MS = 10_000
MINUTE_MS = 60_000
MINUTES_NEEDED = 10
"""in each half of a tape"""
KEPT_TOPS_MS = 200_000
RESAMPLED = 2_000
SEED = 1
COLUMNS = EXECUTED + 1 + len(RULES) + 2 * (1 + len(RULES))
"""of a scored probe: `Play.ended`, then cost and markout in bps of the truth and each rule"""


def measure_resting(paths: Sequence[Path]) -> dict[str, Any]:
    """
    Play order-by-order tapes and compare every rule with the truth.

    :return: the report; shares and points in percent, costs and markouts in basis points.
    :raises RecordingError: for a file that is no order-by-order tape.
    """
    play(Events.of([]), new_play())  # compiles
    found = tapes(paths)
    started = time.perf_counter()
    scored = [_Scored() for _ in found]
    for tape, rows in zip(found, scored, strict=True):
        _play(tape, rows)
    seconds = time.perf_counter() - started
    events = sum(tape.lines for tape in found)
    return {
        "files": [str(path) for path in paths],
        "events": events,
        "events_per_second": round(events / seconds),
        **_figures(np.concatenate([rows.table() for rows in scored])),
    }


def _play(tape: OrderTape, scored: _Scored) -> None:
    run = new_play()
    end_ms = 0.0
    for events in tape:
        play(events, run)
        end_ms = float(events.time_ms[-1]) if len(events.time_ms) else end_ms
        scored.take(run, end_ms)
    if not end_ms:
        raise RecordingError(f"{tape.path}: not one order in it")
    # time goes on for a minute, so that the last probes end; they count for no horizon beyond the tape
    play(Events.of([(end_ms + 2 * LAST_MS, CUT, -1, 1, 0.0, 0.0)]), run)
    scored.take(run, end_ms)


class _Scored:
    """The probes of one tape that are over, with what they cost; few numbers each, so kept to the end."""

    def __init__(self) -> None:
        self.end_ms = 0.0
        self._rows = array("d")
        self._waiting = np.zeros((0, EXECUTED + 1 + len(RULES)))
        self._tops = np.zeros((0, 3))

    def take(self, run: Play, end_ms: float) -> None:
        """Add the results of a chunk; probes wait until the market of their markouts is known."""
        self.end_ms = end_ms
        self._tops = np.concatenate([self._tops, run.tops[: int(run.state[TOPS])]])
        self._waiting = np.concatenate([self._waiting, run.ended[: int(run.state[PROBES_DONE])]])
        run.state[TOPS] = run.state[PROBES_DONE] = 0
        is_due = self._waiting[:, START] + LAST_MS + MARKOUT_MS < end_ms
        self._score(self._waiting[is_due])
        self._waiting = self._waiting[~is_due]
        self._tops = self._tops[self._tops[:, 0] > end_ms - KEPT_TOPS_MS]

    def table(self) -> Any:
        """Return all, with the tape's end in a last column."""
        self._score(self._waiting)
        self._waiting = self._waiting[:0]
        rows = np.array(self._rows).reshape(-1, COLUMNS)
        return np.column_stack([rows, np.full(len(rows), self.end_ms)])

    def _score(self, rows: Any) -> None:
        if not len(rows) or not len(self._tops):
            return
        sign, rate = np.sign(rows[:, RATE]), np.abs(rows[:, RATE])
        costs, markouts = [], []
        _, bid, ask = self._at(rows[:, START] + WAIT_MS)
        taking = np.where(sign > 0, ask, bid)
        for filled_ms in [rows[:, TRUE], *rows[:, EXECUTED + 1 :].T]:
            paid = np.where(filled_ms <= rows[:, START] + WAIT_MS, rate, taking)
            costs.append(1e4 * sign * (paid / rows[:, MID] - 1))
            has_fill = filled_ms <= rows[:, START] + HORIZONS_S[-1] * 1e3
            _, bid, ask = self._at(np.where(has_fill, filled_ms, 0.0) + MARKOUT_MS)
            markouts.append(np.where(has_fill, 1e4 * sign * ((bid + ask) / 2 / rate - 1), np.nan))
        self._rows.extend(np.column_stack([rows, *costs, *markouts]).ravel())

    def _at(self, time_ms: Any) -> Any:
        """Return time, best bid and best ask at these times, each as a column."""
        at = np.searchsorted(self._tops[:, 0], time_ms, side="right") - 1
        return self._tops[np.maximum(at, 0)].T


def _figures(rows: Any) -> dict[str, Any]:
    random = np.random.default_rng(SEED)
    real = rows[:, PROBE] == 1
    probes = {
        kind: {str(seconds): _horizon(rows[chosen], seconds, random) for seconds in HORIZONS_S}
        for kind, chosen in (("real", real), ("phantom", ~real))
    }
    whole = rows[~real & (rows[:, START] + WAIT_MS <= rows[:, -1])]
    names, first = ("truth", *RULES), EXECUTED + 1 + len(RULES)
    costs = {name: _mean(whole[:, first + number]) for number, name in enumerate(names)}
    marks = {name: _mean(whole[:, first + len(names) + number]) for number, name in enumerate(names)}
    checks = [_checked_half(rows[~real], name) for name in ESTIMATES]
    return {"probes": probes, "cost_bps": costs, "markout_bps": marks, "checks": checks}


def _checked_half(rows: Any, rule: str) -> dict[str, Any]:
    """
    Return a rule's bias within `WAIT_MS`, and whether the first half of the tape tells that of the second.

    Neighbouring probes share their fate, so minutes are compared and not probes. A mean of m minutes lies
    within 1.96 * s * sqrt(1 / n + 1 / m) of the mean of n minutes with the deviation s, 19 times of 20.
    """
    rows = rows[rows[:, START] + WAIT_MS <= rows[:, -1]]
    rows = rows[np.argsort(rows[:, START])]
    limit = rows[:, START] + WAIT_MS
    filled_ms, truth = rows[:, EXECUTED + 1 + RULES.index(rule)], rows[:, TRUE] <= limit
    wrong = 100.0 * (((filled_ms <= limit) & (filled_ms <= rows[:, END])).astype(float) - truth)
    minutes = np.split(wrong, np.flatnonzero(np.diff(rows[:, START] // MINUTE_MS)) + 1)
    first, second = np.array_split(np.array([minute.mean() for minute in minutes if len(minute)]), 2)
    found = {"name": rule, "truth": None, "bias": None, "interval": None, "bias_checked": None}
    if min(len(first), len(second)) < MINUTES_NEEDED:
        return found
    room = 1.96 * float(first.std(ddof=1)) * math.sqrt(1 / len(first) + 1 / len(second))
    return {
        **found,
        "truth": 100.0 * float(truth.mean()),
        "bias": float(wrong.mean()),
        "interval": [float(first.mean()) - room, float(first.mean()) + room],
        "bias_checked": float(second.mean()),
    }


def _mean(values: Any) -> float | None:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else None


def _horizon(rows: Any, seconds: int, random: Any) -> dict[str, Any]:
    """Return the shares filled within a horizon that the tape covers."""
    rows = rows[rows[:, START] + seconds * 1e3 <= rows[:, -1]]
    limit = rows[:, START] + seconds * 1e3
    truth = rows[:, TRUE] <= limit
    rules = {}
    for number, name in enumerate(RULES):
        filled_ms = rows[:, EXECUTED + 1 + number]
        # strangers cancel: their orders are compared up to their own end
        filled = (filled_ms <= limit) & (filled_ms <= rows[:, END])
        rules[name] = _compare(filled, truth, random)
    share = 100.0 * float(truth.mean()) if len(rows) else None
    executed = 100.0 * float((rows[:, EXECUTED] <= limit).mean()) if len(rows) else None
    return {"n": len(rows), "truth": share, "truth_by_executions_alone": executed, "rules": rules}


def _compare(filled: Any, truth: Any, random: Any) -> dict[str, Any]:
    n = len(truth)
    if not n:
        return {"filled": None, "bias": None, "bias_95": None, "wrong": None, "false": None}
    false, missed = float((filled & ~truth).mean()), float((~filled & truth).mean())
    drawn = random.multinomial(n, [false, missed, max(1 - false - missed, 0.0)], RESAMPLED)
    bias = 100.0 * (drawn[:, 0] - drawn[:, 1]) / n
    return {
        "filled": 100.0 * float(filled.mean()),
        "bias": 100.0 * (false - missed),
        "bias_95": [float(edge) for edge in np.percentile(bias, (2.5, 97.5))],
        "wrong": 100.0 * (false + missed),
        "false": 100.0 * false,
    }
