"""Play a bot's own real orders on the recorded market of their time, as the paper engine fills orders."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count, takewhile
from typing import Any, NamedTuple

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.book_tape import HELD_MS, QUIET_MS, BookTape
from freqtrade_ext.fidelity.own import OUTSIDE, Outcome, OwnOrder
from freqtrade_ext.fidelity.tops import Tops
from freqtrade_ext.fills.book import BuySell, Level, walk
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.tape import TradeIds, ids_of_trade

DRAWS = 7
"""latencies, evenly over their range, for which a market order is predicted"""
EARLY_MS = 70_000
"""an order is prepared for so long before its arrival: the longest latency is 60 s"""
GRACE_MS = 1_000
"""an estimate that fills so long after the true fill has filled as well"""
OWN_PRINT_MS = 5
"""the prints of an order that takes are stamped at its arrival, or so long after it"""
MINUTE_MS, AROUND_MINUTES = 60_000, 5


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
        self._fastest: dict[int, float] = {}
        """minute of the exchange -> least local time less exchange time of its messages, ms"""
        self._first_ms = self._seen_ms = math.inf
        self._gaps = 0
        self._events: list[_Event] = []
        self._numbers = count()
        self._ids = TradeIds()
        self._resting: list[Outcome] = []
        self._takers: list[tuple[OwnOrder, float]] = []
        """own orders that take now, with what of them is not printed yet"""

    def snapshot(self, data: dict[str, Any]) -> None:
        self._tape_book.snapshot(data)

    def depth(self, local_ms: float, data: dict[str, Any]) -> None:
        time_ms = self._tape_book.difference(data)
        minute = time_ms // MINUTE_MS
        self._fastest[minute] = min(self._fastest.get(minute, math.inf), local_ms - time_ms)
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
        self._lose(self._alive(self._tape_book.time_ms), "open when the recording ended")
        for outcome in self.outcomes[: self._prepared]:
            self._time(outcome)  # by now the fastest messages after it are known as well

    def _at(self, time_ms: float, rank: int, act: Any) -> None:
        heapq.heappush(self._events, _Event(time_ms, rank, next(self._numbers), act))

    def _play(self, until_ms: float) -> None:
        """Do what is due before this exchange time, in its order."""
        for outcome in self.outcomes[self._prepared :]:
            if outcome.order.arrival_ms > until_ms + EARLY_MS or not self._fastest:
                break
            self._prepared += 1
            self._prepare(outcome)
        while self._events and self._events[0].time_ms < until_ms:
            event = heapq.heappop(self._events)
            self._tape_book.use(event.time_ms)
            event.act()
        self._tape_book.use(until_ms)

    def _offset_ms(self, time_ms: float) -> float:
        """
        Return how far the local clock is ahead of the exchange's around an exchange time.

        The fastest message of the minutes around it is taken to have come at once.
        """
        minute = int(time_ms // MINUTE_MS)
        around = range(minute - AROUND_MINUTES, minute + AROUND_MINUTES + 1)
        known = [self._fastest[number] for number in around if number in self._fastest]
        return min(known or self._fastest.values())

    def _time(self, outcome: Outcome) -> None:
        """Measure the way of an order."""
        order, offset_ms = outcome.order, self._offset_ms(outcome.order.arrival_ms)
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
        return bisect_left(self._tops.times, time_ms + self._offset_ms(time_ms)) - 1

    def _levels(self, side: BuySell, time_ms: float) -> Iterator[Level]:
        """Yield what an order of this side that arrives then takes from, best first."""
        return self._tape_book.book.levels_under(self._tops[self._newest_top(time_ms)], side)

    def _shows(self, order: OwnOrder, time_ms: float) -> bool:
        """Return whether the book as it was known then shows what an order did to it."""
        newest = self._newest_top(time_ms)
        has_top = newest >= 0 and self._tops.times[newest] >= order.arrival_ms + self._offset_ms(time_ms)
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
            outcome.own_left = outcome.resting
            displayed = self._displayed(order, self._levels(_opposite(order.side), order.arrival_ms))
            outcome.queue.look(displayed, 0.0, outcome.resting, order.arrival_ms)
            self._resting.append(outcome)

    def _displayed(self, order: OwnOrder, levels: Iterator[Level]) -> float:
        """:param levels: of the order's own side, best first."""
        for rate, amount in levels:
            if rate == order.limit:
                return amount
            if order.limit is None or order.sign * rate < order.sign * order.limit:
                break
        return 0.0

    def _print(self, printed: Print) -> None:
        amount = printed.amount - self._own_part(printed)
        for outcome in self._alive(printed.time_ms):
            order = outcome.order
            if order.limit is None or order.side == printed.side or amount <= 0:
                continue
            if order.sign * printed.rate <= order.sign * order.limit:
                is_through = printed.rate != order.limit
                outcome.queue.use_print(amount, outcome.resting, printed.time_ms, is_through=is_through)

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

    def _lose(self, outcomes: Sequence[Outcome], why_not: str) -> None:
        for outcome in outcomes:
            outcome.why_not = why_not
        self._resting = [outcome for outcome in self._resting if not outcome.why_not]

    def _see(self, time_ms: int, book: LocalBook) -> None:
        if self._tape_book.gaps != self._gaps or time_ms - self._seen_ms > QUIET_MS:
            self._lose(self._resting, "gap in the book's updates")
        self._gaps, self._seen_ms = self._tape_book.gaps, time_ms
        for outcome in self._alive(time_ms):
            order, limit = outcome.order, outcome.order.limit
            if limit is None or time_ms <= order.arrival_ms:
                continue
            shown = self._displayed(order, book.levels_under(None, _opposite(order.side)))
            # the book shows the real order as well, as far as it is not filled yet
            outcome.own_left = min(outcome.own_left, shown) if self._is_there(order, time_ms) else 0.0
            crossing = takewhile(
                lambda level, sign=order.sign, limit=limit: sign * level[0] <= sign * limit,  # type: ignore[misc]
                book.levels_under(None, order.side),
            )
            opposite = math.fsum(amount for _, amount in crossing)
            outcome.queue.look(shown - outcome.own_left, opposite, outcome.resting, time_ms)

    def _is_there(self, order: OwnOrder, time_ms: float) -> bool:
        # of a fill nobody knows whether the exchange told its time or the bot took its own: the later one
        if order.end_ms is None:
            return True
        offset_ms = self._offset_ms(order.end_ms)
        return time_ms <= order.end_ms - (min(offset_ms, 0.0) if order.is_done else offset_ms)

    def _alive(self, time_ms: float) -> list[Outcome]:
        """Return the orders that rest, or are filled in truth since a moment."""
        self._resting = [
            o
            for o in self._resting
            if self._is_there(o.order, time_ms - (GRACE_MS if o.order.is_done else 0))
        ]
        return self._resting


def _opposite(side: BuySell) -> BuySell:
    return "sell" if side == "buy" else "buy"
