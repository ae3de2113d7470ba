"""A bot's own real orders that rest: their place in the queue, while the recorded book shows them as well."""

from __future__ import annotations

import math
from collections.abc import Iterator

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.clock_offset import ClockOffset
from freqtrade_ext.fidelity.own import Outcome, OwnOrder
from freqtrade_ext.fills.book import Level, displayed, opposite, within
from freqtrade_ext.fills.queue import Print

GRACE_MS = 1_000
"""an estimate that fills so long after the true fill has filled as well"""


class OwnResting:
    """Shows resting orders what is printed and displayed, without what is their own."""

    def __init__(self, clock: ClockOffset) -> None:
        self._clock = clock
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome, levels: Iterator[Level]) -> None:
        """
        Begin to follow what of an order came to rest.

        :param levels: of the order's own side on its arrival, best first.
        """
        outcome.own_left = outcome.resting
        self._outcomes.append(outcome)
        order = outcome.order
        if order.limit is not None:
            shown = displayed(levels, order.side, order.limit) or 0.0
            outcome.queue.look(shown, 0.0, outcome.resting, order.arrival_ms)

    def use_print(self, printed: Print, amount: float) -> None:
        """:param amount: of the print, without what the bot's own orders took, in base units."""
        for outcome in self._alive(printed.time_ms):
            order = outcome.order
            if order.limit is None or order.side == printed.side or amount <= 0:
                continue
            if order.sign * printed.rate <= order.sign * order.limit:
                is_through = printed.rate != order.limit
                outcome.queue.use_print(amount, outcome.resting, printed.time_ms, is_through=is_through)

    def see(self, time_ms: int, book: LocalBook) -> None:
        """Show the orders the book after a difference."""
        for outcome in self._alive(time_ms):
            order, limit = outcome.order, outcome.order.limit
            if limit is None or time_ms <= order.arrival_ms:
                continue
            shown = displayed(book.levels_under(None, opposite(order.side)), order.side, limit) or 0.0
            # the book shows the real order as well, as far as it is not filled yet
            outcome.own_left = min(outcome.own_left, shown) if self._is_there(order, time_ms) else 0.0
            crossing = within(book.levels_under(None, order.side), order.side, limit)
            amount = math.fsum(amount for _, amount in crossing)
            outcome.queue.look(shown - outcome.own_left, amount, outcome.resting, time_ms)

    def lose(self, why_not: str, *, open_at_ms: float = -math.inf) -> None:
        """Give up orders that cannot be compared: all, or those that were open then."""
        for outcome in self._alive(open_at_ms):
            outcome.why_not = why_not
        self._outcomes.clear()

    def _is_there(self, order: OwnOrder, time_ms: float) -> bool:
        # of a fill nobody knows whether the exchange told its time or the bot took its own: the later one
        if order.end_ms is None:
            return True
        offset_ms = self._clock.around(order.end_ms)
        return time_ms <= order.end_ms - (min(offset_ms, 0.0) if order.is_done else offset_ms)

    def _alive(self, time_ms: float) -> list[Outcome]:
        """Return the orders that rest, or are filled in truth since a moment."""
        self._outcomes = [
            o
            for o in self._outcomes
            if self._is_there(o.order, time_ms - (GRACE_MS if o.order.is_done else 0))
        ]
        return self._outcomes
