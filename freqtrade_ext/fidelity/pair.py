"""Replay one pair's streams in the exchange's order; the rules are in the package's docstring."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from freqtrade_ext.execute.book import Level, walk
from freqtrade_ext.execute.local_book import LocalBook, Top

from .align import gone_behind, run_of
from .joins import Joins
from .score import Scores, stock_average
from .tape import Sweep, Tape

HELD_MS = 2_000
"""differences wait this long for prints that come late; 0.8 s was seen"""
SWEEP_OPEN_MS = 1_000
"""after so long without a further print a sweep is over"""
CLOCK_MS, EARLY_MS, LATE_MS = 1.0, 10.0, 2.0
TOPS_KEPT = 8_192
RECENT_SWEEPS = 64
DECISION_MS = 1_000
"""time between two decisions of which the drift is measured"""
HORIZONS_MS = (100, 250, 1_000, 5_000)
METHODS = ("ours", "stock", "clock", "same_book")


@dataclass(slots=True)
class Results:
    """What the replays of all pairs add up to."""

    scores: Scores = field(default_factory=lambda: Scores(METHODS))
    excluded: Counter[str] = field(default_factory=Counter)
    aligned_by: Counter[str] = field(default_factory=Counter)
    drift: dict[int, array[float]] = field(default_factory=lambda: {ms: array("d") for ms in HORIZONS_MS})


class _Decision(NamedTuple):
    """One to follow a sweep, made when all of it has been seen; local times."""

    start_ms: float
    end_ms: float
    sign: int


class _Tops:
    """The newest messages of the best bid/ask stream with their arrival; parsed when looked at."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.dropped = 0
        """messages forgotten so far, so that `dropped` + position stays a message's number"""
        self._messages: list[bytes | Top] = []

    def add(self, local_ms: float, raw: bytes) -> None:
        self.times.append(local_ms)
        self._messages.append(raw)
        if len(self.times) > TOPS_KEPT:
            half = TOPS_KEPT // 2
            del self.times[:half], self._messages[:half]
            self.dropped += half

    def __getitem__(self, position: int) -> Top | None:
        """Message at a position; the one before it where it is damaged, None where there is none."""
        if position < 0:
            return None
        message = self._messages[position]
        if isinstance(message, Top):
            return message
        try:
            data = orjson.loads(message)
            top = Top(data["u"], float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]))
        except (ValueError, KeyError, TypeError):
            return self[position - 1]
        self._messages[position] = top
        return top


class PairReplay:
    """Feed it a pair's messages in file order; it scores each sweep against the book just before it."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.joins = Joins()
        self.offset_ms: float | None = None
        """least arrival time minus exchange time seen: the local clock's offset plus the fastest way"""
        self._book, self._book_ms = LocalBook(), 0
        self._was_synced = False
        self._diffs: deque[tuple[int, int, int, list[Any], list[Any]]] = deque()
        self._tops = _Tops()
        self._tape = Tape()
        self._waiting: deque[Sweep] = deque()
        self._recent: deque[Sweep] = deque(maxlen=RECENT_SWEEPS)
        self._floor = -1
        """number of the newest message known to show a sweep; later sweeps come after it"""
        self._digits = 0
        self._drift: deque[_Decision] = deque()

    def snapshot(self, data: dict[str, Any]) -> None:
        self._book.snapshot(data["lastUpdateId"], data["bids"], data["asks"])
        self._book_ms = 0
        rates = [str(level[0]) for level in (*data["bids"][:100], *data["asks"][:100])]
        self._digits = max((len(rate.rstrip("0").partition(".")[2]) for rate in rates), default=0)

    def depth(self, local_ms: float, data: dict[str, Any]) -> None:
        diff = (data["E"], data["U"], data["u"], data["b"], data["a"])
        self._diffs.append(diff)
        growing = self._tape.growing
        if growing is not None and growing.last_ms + SWEEP_OPEN_MS < local_ms:
            self._close_sweep()
        self._settle(local_ms)
        self._use_diffs(diff[0] - HELD_MS)

    def trade(self, kind: str, local_ms: float, data: dict[str, Any]) -> None:
        over = self._tape.add(kind, local_ms, data)
        if over is not None:
            self._waiting.append(over)
            self._settle(local_ms)

    def top(self, local_ms: float, raw: bytes) -> None:
        self._tops.add(local_ms, raw)

    def finish(self) -> None:
        """Score what still waits."""
        self._close_sweep()
        self._settle(float("inf"))

    def _close_sweep(self) -> None:
        if (over := self._tape.close()) is not None:
            self._waiting.append(over)

    def _settle(self, local_ms: float) -> None:
        while self._waiting and self._waiting[0].last_ms + LATE_MS < local_ms:
            self._score(self._waiting.popleft())
        if self._drift and self._drift[0].end_ms < local_ms:
            self._measure_drift(self._drift.popleft())

    def _use_diffs(self, before_ms: int) -> None:
        diffs, book = self._diffs, self._book
        while diffs and diffs[0][0] < before_ms:
            time_ms, first_id, last_id, bids, asks = diffs.popleft()
            if not book.diff(first_id, last_id, bids, asks):
                self._book_ms = 0
            elif book.update_id == last_id:
                self._book_ms, self._was_synced = time_ms, True
                if time_ms >= self.joins.next_ms:
                    self.joins.look(time_ms, book)

    def _score(self, sweep: Sweep) -> None:
        self._use_diffs(sweep.time_ms)
        offset_ms = sweep.seen_ms - sweep.time_ms
        self.offset_ms = offset_ms if self.offset_ms is None else min(self.offset_ms, offset_ms)
        reason = self._why_not(sweep) or self._predict(sweep)
        if reason:
            self.results.excluded[reason] += 1
        self.joins.sweep(sweep)
        self._expect_drift(sweep)
        self._recent.append(sweep)

    def _why_not(self, sweep: Sweep) -> str:
        if not self._book_ms:
            return "gap in the book's updates" if self._was_synced else "before the first snapshot"
        if self._book_ms >= sweep.time_ms:
            return "printed too late: the book already holds it"
        return ""

    def _predict(self, sweep: Sweep) -> str:
        """Predict and compare; return why the sweep has to be left out, if it does."""
        by_clock, own = self._locate(sweep)
        position = by_clock if own is None else own
        amount, side = sweep.amount, sweep.side
        missing = self._missing(sweep, by_clock) if own is None else None
        walked = walk(self._levels(sweep, position, missing), amount, side)
        if walked.stopped:
            return "deeper than the recorded book"
        same_book = stock_average(self._levels(sweep, position, missing), amount, side, self._digits)
        stock = stock_average(self._book.levels_under(None, side), amount, side, self._digits)
        clock = walked
        if position != by_clock:
            clock = walk(self._levels(sweep, by_clock, self._missing(sweep, by_clock)), amount, side)
        self.results.scores.add(
            sweep.fills,
            sweep.sign,
            {"ours": walked.average, "stock": stock, "same_book": same_book}
            | ({} if clock.stopped else {"clock": clock.average}),
        )
        self.results.aligned_by["clock" if own is None else "own_update"] += 1
        return ""

    def _locate(self, sweep: Sweep) -> tuple[int, int | None]:
        """
        Find the message that tells the top just before the sweep.

        :return: its position by clocks alone, and by the sweep's own message where that is found.
        """
        times = self._tops.times
        floor = self._floor - self._tops.dropped
        by_clock = max(bisect_left(times, sweep.seen_ms - CLOCK_MS) - 1, floor, -1)
        first = max(bisect_left(times, sweep.seen_ms - EARLY_MS), floor + 1, 1)
        end = bisect_right(times, sweep.last_ms + LATE_MS)
        run = run_of(self._gone(sweep, first, end), sweep.amount) if first < end else None
        if run is None:
            return by_clock, None
        own = first + run[1]
        self._floor = own + self._tops.dropped
        sweep.own_id = top.update_id if (top := self._tops[own]) else None
        return by_clock, first + run[0] - 1

    def _gone(self, sweep: Sweep, first: int, end: int) -> Iterator[float]:
        """Yield for each message how much of the side that the sweep took from is gone with it."""
        side, sign, book, tops = sweep.side, sweep.sign, self._book, self._tops
        before = tops[first - 1]
        for position in range(first, end):
            after = tops[position]
            gone = 0.0
            if before is not None and after is not None and after.update_id > book.update_id:
                (old, shown), (new, left) = before.level(side), after.level(side)
                if new == old:
                    gone = shown - left
                elif sign * new > sign * old:
                    gone = shown + gone_behind(old, new, left, sign, book.levels_under(before, side))
            yield gone
            before = after

    def _missing(self, sweep: Sweep, position: int) -> Level | None:
        """
        Tell what earlier sweeps of the side did to the book that its message at a position does not show yet.

        :return: the last rate that they took from, and the amount they took there.
        """
        top = self._tops[position]
        is_newer = top is not None and top.update_id > self._book.update_id
        known_id = top.update_id if top and is_newer else self._book.update_id
        known_ms = self._tops.times[position] if is_newer else 0.0
        rate, taken = 0.0, 0.0
        for earlier in reversed(self._recent):
            if earlier.time_ms < self._book_ms:
                break
            if earlier.side != sweep.side:
                continue
            if earlier.own_id is not None:
                is_known = earlier.own_id <= known_id
            else:
                is_known = known_ms >= earlier.seen_ms + CLOCK_MS
            if is_known:
                break
            last_rate, last_amount = earlier.fills[-1]
            rate = rate or last_rate
            taken += last_amount if last_rate == rate else 0.0
        return (rate, taken) if rate else None

    def _levels(self, sweep: Sweep, position: int, missing: Level | None) -> Iterator[Level]:
        levels = self._book.levels_under(self._tops[position], sweep.side)
        return levels if missing is None else _without(levels, sweep.sign, *missing)

    def _expect_drift(self, sweep: Sweep) -> None:
        start_ms = sweep.last_ms + LATE_MS
        if not self._drift or start_ms > self._drift[-1].start_ms + DECISION_MS:
            self._drift.append(_Decision(start_ms, start_ms + HORIZONS_MS[-1], sweep.sign))

    def _measure_drift(self, decision: _Decision) -> None:
        times, tops = self._tops.times, self._tops
        start = tops[bisect_right(times, decision.start_ms) - 1]
        if start is None:
            return
        for horizon_ms, drifts in self.results.drift.items():
            top = tops[bisect_right(times, decision.start_ms + horizon_ms) - 1] or start
            drifts.append(1e4 * decision.sign * ((top.bid + top.ask) / (start.bid + start.ask) - 1))


def _without(levels: Iterator[Level], sign: int, rate: float, taken: float) -> Iterator[Level]:
    """Leave out levels better than a rate, and an amount at it."""
    for level in levels:
        if level[0] == rate:
            if level[1] > taken:
                yield rate, level[1] - taken
        elif sign * level[0] > sign * rate:
            yield level
