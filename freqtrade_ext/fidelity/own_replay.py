"""Play a bot's own real orders on the recorded market of their time, as the paper engine fills orders."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.book_tape import HELD_MS, QUIET_MS, BookTape
from freqtrade_ext.fidelity.clock_offset import ClockOffset
from freqtrade_ext.fidelity.own import OUTSIDE, Outcome, OwnOrder
from freqtrade_ext.fidelity.own_resting import OwnResting
from freqtrade_ext.fidelity.tops import Tops
from freqtrade_ext.fills.book import BuySell, Level, opposite, walk
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.tape import TradeIds, ids_of_trade

DRAWS = 7
"""latencies, evenly over their range, for which a market order is predicted"""
EARLY_MS = 70_000
"""an order is prepared for so long before its arrival: the longest latency is 60 s"""
OWN_PRINT_MS = 5
"""the prints of an order that takes are stamped at its arrival, or so long after it"""


class _Event(NamedTuple):
    """Something due at an exchange time; orders come before what is printed in the same millisecond."""

    time_ms: float
    rank: int
    number: int
    act: Any


class OwnReplay:
    """Takes one pair's messages in file order, and its orders; see `outcomes` after `finish`."""

    def __init__(self, orders: Sequence[OwnOrder], latency_ms: tuple[float, float]) -> None:
        """:param latency_ms: the range that paper orders draw from."""
        self.outcomes = [Outcome(order) for order in sorted(orders, key=lambda order: order.arrival_ms)]
        low, high = latency_ms
        self._latencies = [low + (high - low) * step / (DRAWS - 1) for step in range(DRAWS)]
        self._prepared = 0
        self._tape_book = BookTape(self._see)
        self._tops = Tops()
        self.top = self._tops.add
        """takes a message of the best bid/ask stream: local time of its arrival, JSON text"""
        self._clock = ClockOffset()
        self._first_ms = self._seen_ms = math.inf
        self._gaps = 0
        self._events: list[_Event] = []
        self._numbers = count()
        self._ids = TradeIds()
        self._resting = OwnResting(self._clock)
        self._takers: list[tuple[OwnOrder, float]] = []
        """own orders that take now, with what of them is not printed yet"""

    def snapshot(self, data: dict[str, Any]) -> None:
        self._tape_book.snapshot(data)

    def depth(self, local_ms: float, data: dict[str, Any]) -> None:
        time_ms = self._tape_book.difference(data)
        self._clock.hear(local_ms, time_ms)
        self._first_ms = min(self._first_ms, time_ms)
        self._play(time_ms - HELD_MS)

    def trade(self, local_ms: float, data: dict[str, Any]) -> None:
        """:raises ValueError, KeyError, TypeError: for a print that cannot be true."""
        first_id, last_id = ids_of_trade(data)
        printed = Print(
            str(first_id), data["T"], float(data["p"]), float(data["q"]), "sell" if data["m"] else "buy"
        )
        if self._ids.add(int(first_id), int(last_id), printed.time_ms):
            self._at(printed.time_ms, 1, partial(self._print, printed))

    def finish(self) -> None:
        """Play what is left; orders that rest on could not be followed to their end."""
        self._play(math.inf)
        self._resting.lose("open when the recording ended", open_at_ms=self._tape_book.time_ms)
        for outcome in self.outcomes[: self._prepared]:
            self._time(outcome)  # by now the fastest messages after it are known as well

    def _at(self, time_ms: float, rank: int, act: Any) -> None:
        heapq.heappush(self._events, _Event(time_ms, rank, next(self._numbers), act))

    def _play(self, until_ms: float) -> None:
        """Do what is due before this exchange time, in its order."""
        for outcome in self.outcomes[self._prepared :]:
            if outcome.order.arrival_ms > until_ms + EARLY_MS or not self._clock.is_known:
                break
            self._prepared += 1
            self._prepare(outcome)
        while self._events and self._events[0].time_ms < until_ms:
            event = heapq.heappop(self._events)
            self._tape_book.use(event.time_ms)
            event.act()
        self._tape_book.use(until_ms)

    def _time(self, outcome: Outcome) -> None:
        """Measure the way of an order."""
        order, offset_ms = outcome.order, self._clock.around(outcome.order.arrival_ms)
        if order.answer_ms is not None:
            outcome.back_ms = order.answer_ms - offset_ms - order.arrival_ms
        if order.decision_ms is not None:
            outcome.there_ms = order.arrival_ms - (order.decision_ms - offset_ms)

    def _prepare(self, outcome: Outcome) -> None:
        order = outcome.order
        self._time(outcome)
        self._at(order.arrival_ms, 0, partial(self._arrive, outcome))
        if order.limit is not None:
            return
        known = [o.there_ms for o in self.outcomes[: self._prepared] if o.there_ms is not None]
        usual_ms = sum(known) / len(known) if known else sum(self._latencies) / DRAWS
        left_ms = order.arrival_ms - (usual_ms if outcome.there_ms is None else outcome.there_ms)
        for latency_ms in self._latencies:
            time_ms = left_ms + latency_ms
            self._at(time_ms, 0, partial(self._draw, outcome, time_ms))

    def _newest_top(self, time_ms: float) -> int:
        return bisect_left(self._tops.times, time_ms + self._clock.around(time_ms)) - 1

    def _levels(self, side: BuySell, time_ms: float) -> Iterator[Level]:
        """Yield what an order of this side that arrives then takes from, best first."""
        return self._tape_book.book.levels_under(self._tops[self._newest_top(time_ms)], side)

    def _shows(self, order: OwnOrder, time_ms: float) -> bool:
        """Return whether the book as it was known then shows what an order did to it."""
        newest = self._newest_top(time_ms)
        has_top = newest >= 0 and self._tops.times[newest] >= order.arrival_ms + self._clock.around(time_ms)
        return has_top or self._tape_book.time_ms >= order.arrival_ms

    def _why_not(self, time_ms: float) -> str:
        if time_ms < self._first_ms or time_ms > self._tape_book.time_ms + QUIET_MS > QUIET_MS:
            return OUTSIDE
        return self._tape_book.why_not(math.ceil(time_ms))

    def _draw(self, outcome: Outcome, time_ms: float) -> None:
        """Predict a market order's average rate had it arrived now; without what it really took."""
        if self._why_not(time_ms):
            return
        order = outcome.order
        levels = self._levels(order.side, time_ms)
        if outcome.walked is not None and self._shows(order, time_ms):
            # it has been there: what it took is put back
            own = outcome.walked.fills
            levels = heapq.merge(levels, own, key=lambda level: order.sign * level[0])
        walked = walk(levels, order.amount, order.side)
        if not walked.stopped:
            outcome.drawn.append(walked.average)

    def _arrive(self, outcome: Outcome) -> None:
        order = outcome.order
        outcome.why_not = self._why_not(order.arrival_ms)
        if outcome.why_not:
            return
        walked = walk(self._levels(order.side, order.arrival_ms), order.amount, order.side, order.limit)
        if order.limit is None and walked.stopped:
            outcome.why_not = "deeper than the recorded book"
            return
        outcome.walked = walked
        if walked.filled:
            self._takers.append((order, walked.filled))
        if walked.stopped:
            self._resting.add(outcome, self._levels(opposite(order.side), order.arrival_ms))

    def _print(self, printed: Print) -> None:
        self._resting.use_print(printed, printed.amount - self._own_part(printed))

    def _own_part(self, printed: Print) -> float:
        """Return how much of a print is of an own order that took."""
        part = 0.0
        for at, (order, left) in enumerate(self._takers):
            if order.side == printed.side and 0 <= printed.time_ms - order.arrival_ms <= OWN_PRINT_MS:
                own = min(left, printed.amount - part)
                part += own
                self._takers[at] = (order, left - own)
        self._takers = [t for t in self._takers if printed.time_ms - t[0].arrival_ms <= OWN_PRINT_MS]
        return part

    def _see(self, time_ms: int, book: LocalBook) -> None:
        if self._tape_book.gaps != self._gaps or time_ms - self._seen_ms > QUIET_MS:
            self._resting.lose("gap in the book's updates")
        self._gaps, self._seen_ms = self._tape_book.gaps, time_ms
        self._resting.see(time_ms, book)
