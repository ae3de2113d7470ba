"""How often a small order that joins the best level would have been filled; the band for resting orders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.fills.book import BuySell, Level, displayed, opposite, within
from freqtrade_ext.fills.queue import ESTIMATES, Queue

LOOK_MS = 5_000
"""time between stock freqtrade's looks at an open order (`process_throttle_secs` 5)"""
LOOKS_PER_JOIN = 2
WITHIN_MS = 30_000
AMOUNT = 1e-8
"""base units: so small that only its place in the queue counts"""


@dataclass(slots=True)
class _Join:
    side: BuySell
    rate: float
    placed_ms: int
    queue: Queue
    stock_waits: bool = True

    @property
    def filled(self) -> set[str]:
        """Rules by which it is filled."""
        filled: set[str] = {name for name, place in self.queue.places.items() if place.filled}
        return filled if self.stock_waits else filled | {"stock"}


class Joins:
    """
    Every 10 s a bid joins the best bid and an ask the best ask; who is filled within 30 s, and by whose rule?

    The rules are those of `fills.queue.Queue`; stock freqtrade's is that one of its looks, 5 s apart, finds
    the opposite best at the order's rate or beyond.
    """

    def __init__(self) -> None:
        self._live: list[_Join] = []
        self.next_ms = 0
        """exchange time from which on the next look is due"""
        self._ended = 0
        self._filled: Counter[str] = Counter()

    def look(self, time_ms: int, book: LocalBook) -> None:
        """Look at the book as it is at exchange time `time_ms`, at `next_ms` or soon after."""
        self.next_ms = time_ms - time_ms % LOOK_MS + LOOK_MS
        self._end(time_ms)
        bid = next(book.levels_under(None, "sell"), None)
        ask = next(book.levels_under(None, "buy"), None)
        if bid is None or ask is None:
            return
        for join in self._live:
            crossing = next(within([ask if join.side == "buy" else bid], join.side, join.rate), None)
            join.stock_waits &= crossing is None
            shown = displayed(book.levels_under(None, opposite(join.side)), join.side, join.rate)
            join.queue.look(shown or 0.0, crossing[1] if crossing else 0.0, AMOUNT, time_ms)
        if time_ms // LOOK_MS % LOOKS_PER_JOIN == 0:
            self._live += [_new_join("buy", bid, time_ms), _new_join("sell", ask, time_ms)]

    def _end(self, time_ms: int) -> None:
        ended = [join for join in self._live if time_ms - join.placed_ms >= WITHIN_MS]
        self._live = [join for join in self._live if time_ms - join.placed_ms < WITHIN_MS]
        self._ended += len(ended)
        for join in ended:
            self._filled.update(join.filled)

    def sweep(self, sweep: Sweep) -> None:
        """Fill resting orders by the prints of a sweep."""
        for join in self._live:
            if join.side != sweep.side and sweep.time_ms - join.placed_ms < WITHIN_MS:
                for rate, amount in sweep.fills:
                    if rate <= join.rate if join.side == "buy" else rate >= join.rate:
                        join.queue.use_print(amount, AMOUNT, sweep.time_ms, is_through=rate != join.rate)

    def figures(self) -> dict[str, Any]:
        """Shares filled, of the joins whose 30 s are over."""
        rules = (*ESTIMATES, "stock")
        shares = {rule: self._filled[rule] / self._ended if self._ended else None for rule in rules}
        return {"joins": self._ended, "within_s": WITHIN_MS // 1000, **shares}


def _new_join(side: BuySell, best: Level, time_ms: int) -> _Join:
    queue = Queue()
    queue.look(best[1], 0.0, AMOUNT, time_ms)
    return _Join(side, best[0], time_ms, queue)
