"""Tell which book was there just before a sweep; rules 2 to 4 of the package's docstring."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.fidelity.tops import Tops
from freqtrade_ext.fills.book import Level

CLOCK_MS, EARLY_MS, LATE_MS = 1.0, 10.0, 2.0
RECENT_SWEEPS = 64
SAME_AMOUNT = 1e-9
"""amounts that differ by less, relative to themselves or to 1, are equal but for float noise"""


class View(NamedTuple):
    """The book of the differences as it has to be looked at."""

    top: Top | None
    """best bid/ask message to splice in"""
    missing: Level | None = None
    """last rate that earlier sweeps of the side took from, and the amount that they took there"""

    def levels(self, book: LocalBook, sweep: Sweep) -> Iterator[Level]:
        levels = book.levels_under(self.top, sweep.side)
        return levels if self.missing is None else _without(levels, sweep.sign, *self.missing)


class Aligner:
    """Remembers what is needed to tell a sweep's book: best bid/ask messages and earlier sweeps."""

    def __init__(self) -> None:
        self.tops = Tops()
        self._recent: deque[Sweep] = deque(maxlen=RECENT_SWEEPS)

    def remember(self, sweep: Sweep) -> None:
        self._recent.append(sweep)

    def before(self, sweep: Sweep, book: LocalBook, book_ms: int) -> tuple[View, View]:
        """
        Return the best view of just before the sweep, and that by clocks alone; often they are one.

        The sweep's `own_id` tells whether its own message was found.

        :param book_ms: exchange time of the book's newest difference.
        """
        by_clock, own = self._locate(sweep, book)
        if own == by_clock:
            view = View(self.tops[own])
            return view, view
        clock_view = View(self.tops[by_clock], self._missing(sweep, by_clock, book, book_ms))
        return clock_view if own is None else View(self.tops[own]), clock_view

    def _locate(self, sweep: Sweep, book: LocalBook) -> tuple[int, int | None]:
        """Return the position of the top just before the sweep by clocks, and by the sweep's own message."""
        tops, times = self.tops, self.tops.times
        by_clock = max(bisect_left(times, sweep.seen_ms - CLOCK_MS) - 1, tops.floor)
        first = max(bisect_left(times, sweep.seen_ms - EARLY_MS), tops.floor + 1, 1)
        end = bisect_right(times, sweep.last_ms + LATE_MS)
        run = run_of(self._gone(sweep, book, first, end), sweep.amount) if first < end else None
        if run is None:
            return by_clock, None
        tops.floor = first + run[1]
        sweep.own_id = top.update_id if (top := tops[tops.floor]) else None
        return by_clock, first + run[0] - 1

    def _gone(self, sweep: Sweep, book: LocalBook, first: int, end: int) -> Iterator[float]:
        """
        Yield for each message how much of the side that the sweep took from is gone with it.

        Where the best level alone was more than the sweep, what is behind it does not count any more.
        """
        side, sign, tops = sweep.side, sweep.sign, self.tops
        most = sweep.amount + _noise(sweep.amount)
        before = tops[first - 1]
        old, shown = before.level(side) if before else (0.0, 0.0)
        for position in range(first, end):
            after, gone = tops[position], 0.0
            if after is not None:
                new, left = after.level(side)
                if before is not None and after.update_id > book.update_id:
                    if new == old:
                        gone = shown - left
                    elif sign * new > sign * old:
                        gone = shown
                        if shown <= most:
                            gone += gone_behind(old, new, left, sign, book.levels_under(before, side))
                old, shown = new, left
            yield gone
            before = after

    def _missing(self, sweep: Sweep, position: int, book: LocalBook, book_ms: int) -> Level | None:
        """Return what earlier sweeps of the side did to the book that its message does not show yet."""
        top = self.tops[position]
        is_newer = top is not None and top.update_id > book.update_id
        known_id = top.update_id if top and is_newer else book.update_id
        known_ms = self.tops.times[position] if is_newer else 0.0
        rate, taken = 0.0, 0.0
        for earlier in reversed(self._recent):
            if earlier.time_ms < book_ms:
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


def gone_behind(old: float, new: float, left: float, sign: int, levels: Iterable[Level]) -> float:
    """
    Return how much an order took behind the old best rate when another became the best, in base units.

    :param left: amount now at the new best rate, which may have been taken from too.
    :param sign: 1 for asks, -1 for bids.
    :param levels: the side as the differences tell it, best first.
    """
    gone = 0.0
    for rate, amount in levels:
        if rate == new:
            return gone + max(amount - left, 0.0)
        if sign * rate > sign * new:
            break
        if sign * rate > sign * old:
            gone += amount
    return gone


def run_of(gone: Iterable[float], amount: float) -> tuple[int, int] | None:
    """
    Find the first run of messages across which exactly `amount` is gone.

    :return: positions of its first and last message. Messages that show nothing gone do not break a run.
    """
    tolerance = _noise(amount)
    runs: list[tuple[int, float]] = []
    for position, part in enumerate(gone):
        if part <= 0:
            continue
        runs.append((position, 0.0))
        runs = [(start, total + part) for start, total in runs if total + part <= amount + tolerance]
        for start, total in runs:
            if total >= amount - tolerance:
                return start, position
    return None


def _noise(amount: float) -> float:
    return SAME_AMOUNT * max(1.0, amount)


def _without(levels: Iterator[Level], sign: int, rate: float, taken: float) -> Iterator[Level]:
    """Leave out levels better than a rate, and an amount at it."""
    for level in levels:
        if level[0] == rate:
            if level[1] > taken:
                yield rate, level[1] - taken
        elif sign * level[0] > sign * rate:
            yield level
