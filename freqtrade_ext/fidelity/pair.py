"""Replay one pair's streams in the exchange's order; the rules are in the package's docstring."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import tee
from math import nan
from typing import Any

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.align import LATE_MS, Aligner
from freqtrade_ext.fidelity.book_tape import HELD_MS, BookTape
from freqtrade_ext.fidelity.drift import HORIZONS_MS, Drift
from freqtrade_ext.fidelity.joins import Joins
from freqtrade_ext.fidelity.reader import DEFAULT_STAKE, Reader
from freqtrade_ext.fidelity.score import Scores, contract_value
from freqtrade_ext.fidelity.tape import Sweep, SweepTape
from freqtrade_ext.fills.book import walk
from freqtrade_ext.fills.stock import stock_average

SWEEP_OPEN_MS = 1_000
"""after so long without a further print a sweep is over"""
METHODS = ("ours", "stock", "clock", "same_book")


@dataclass(slots=True)
class Results:
    """The sums of all pairs' replays."""

    scores: Scores = field(default_factory=lambda: Scores(METHODS))
    excluded: Counter[str] = field(default_factory=Counter)
    aligned_by: Counter[str] = field(default_factory=Counter)
    drift: dict[int, array[float]] = field(default_factory=lambda: {ms: array("d") for ms in HORIZONS_MS})


class PairReplay:
    """Feed it a pair's messages in file order; it scores each sweep against the book just before it."""

    def __init__(self, results: Results, symbol: str = "", stake: float = DEFAULT_STAKE) -> None:
        """:param stake: of the reader's own orders, quote units."""
        self.reader = Reader(stake)
        self._contract_value = contract_value(symbol)
        self.joins = Joins()
        self.offset_ms: float | None = None
        """least arrival time minus exchange time seen: the local clock's offset plus the fastest way"""
        self._results = results
        self._tape_book = BookTape(self._look)
        self._aligner = Aligner()
        self._drift = Drift(results.drift)
        self._tape = SweepTape()
        self._waiting: deque[Sweep] = deque()
        self._digits = 0
        self.top = self._aligner.tops.add
        """takes a message of the best bid/ask stream: local time of its arrival, JSON text"""

    @property
    def has_tops(self) -> bool:
        """Whether a best bid/ask stream was recorded."""
        return bool(self._aligner.tops.times)

    def snapshot(self, data: dict[str, Any]) -> None:
        self._tape_book.snapshot(data)
        rates = [str(level[0]) for level in (*data["bids"][:100], *data["asks"][:100])]
        self._digits = max((len(rate.rstrip("0").partition(".")[2]) for rate in rates), default=0)

    def depth(self, local_ms: float, data: dict[str, Any]) -> None:
        time_ms = self._tape_book.difference(data)
        growing = self._tape.growing
        if growing is not None and growing.last_ms + SWEEP_OPEN_MS < local_ms:
            self._close_sweep()
        self._settle(local_ms)
        self._tape_book.use(time_ms - HELD_MS)

    def trade(self, local_ms: float, data: dict[str, Any]) -> None:
        over = self._tape.add(local_ms, data)
        self.reader.amount(data["q"])
        if over is not None:
            self._waiting.append(over)
            self._settle(local_ms)

    def finish(self) -> None:
        """Score what still waits."""
        self._close_sweep()
        while self._waiting:
            self._score(self._waiting.popleft())

    def _close_sweep(self) -> None:
        if (over := self._tape.close()) is not None:
            self._waiting.append(over)

    def _settle(self, local_ms: float) -> None:
        """Score the sweeps whose time is over by now, or lies ahead because the clock was set back."""
        waiting = self._waiting
        while waiting and not 0 <= waiting[0].last_ms + LATE_MS - local_ms < SWEEP_OPEN_MS:
            self._score(waiting.popleft())
        self._drift.settle(local_ms, self._aligner.tops)

    def _look(self, time_ms: int, book: LocalBook) -> None:
        if time_ms >= self.joins.next_ms:
            self.joins.look(time_ms, book)
            self.reader.look(book)

    def _score(self, sweep: Sweep) -> None:
        offset_ms = sweep.seen_ms - sweep.time_ms
        self.offset_ms = offset_ms if self.offset_ms is None else min(self.offset_ms, offset_ms)
        try:
            self._tape_book.use(sweep.time_ms)
            reason = self._tape_book.why_not(sweep.time_ms) or self._predict(sweep)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            self._tape_book.forget()
            reason = "damaged book"
        if reason:
            self._results.excluded[reason] += 1
        self.joins.sweep(sweep)
        self._drift.sweep(sweep)
        self._aligner.remember(sweep)

    def _predict(self, sweep: Sweep) -> str:
        """Predict and compare; return why the sweep has to be left out, if it does."""
        book, side, amount, digits = self._tape_book.book, sweep.side, sweep.amount, self._digits
        view, by_clock = self._aligner.before(sweep, book, self._tape_book.time_ms)
        ours, same_book = tee(view.levels(book, sweep))
        walked = walk(ours, amount, side)
        if walked.stopped:
            return "deeper than the recorded book"
        clock = walk(by_clock.levels(book, sweep), amount, side) if by_clock is not view else walked
        self.reader.order(sweep, sweep.value(self._contract_value), walked.average)
        self._results.scores.add(
            sweep,
            (
                walked.average,
                stock_average(book.levels_under(None, side), amount, side, digits=digits),
                nan if clock.stopped else clock.average,
                stock_average(same_book, amount, side, digits=digits),
            ),
            self._contract_value,
        )
        self._results.aligned_by["clock" if sweep.own_id is None else "own_update"] += 1
        return ""
