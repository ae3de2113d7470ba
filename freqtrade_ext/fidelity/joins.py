"""How often a small order that joins the best level would have been filled; the band for resting orders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, get_args

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.fills.book import BuySell, Level
from freqtrade_ext.fills.queue import Print, Queue
from freqtrade_ext.settings import MakerFill

LOOK_MS = 5_000
"""time between stock freqtrade's looks at an open order (`process_throttle_secs` 5)"""
LOOKS_PER_JOIN = 2
WITHIN_MS = 30_000
AMOUNT = 1e-8
"""base units: so small that only its place in the queue counts"""
ESTIMATES: tuple[MakerFill, ...] = get_args(MakerFill)


@dataclass(slots=True)
class _Join:
    side: BuySell
    rate: float
    placed_ms: int
    queues: dict[MakerFill, Queue]
    """of the estimates by which it is not filled yet"""
    stock_waits: bool = True


class Joins:
    """
    Every 10 s a bid joins the best bid and an ask the best ask; who is filled within 30 s, and by whose rule?

    The rules are those of `execute.resting.Queue`; stock freqtrade's is that one of its looks, 5 s apart,
    finds the opposite best at the order's rate or beyond.
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
            if join.stock_waits and (ask[0] <= join.rate if join.side == "buy" else bid[0] >= join.rate):
                join.stock_waits = False
                self._filled["stock"] += 1
            if queue := join.queues.get("expected"):
                best = bid if join.side == "buy" else ask
                queue.bound(best[1] if best[0] == join.rate else _displayed(book, join))
        if time_ms // LOOK_MS % LOOKS_PER_JOIN == 0:
            self._live += [_new_join("buy", bid, time_ms), _new_join("sell", ask, time_ms)]

    def _end(self, time_ms: int) -> None:
        live = [join for join in self._live if time_ms - join.placed_ms < WITHIN_MS]
        self._ended += len(self._live) - len(live)
        self._live = live

    def sweep(self, sweep: Sweep) -> None:
        """Let the prints of a sweep fill what rests."""
        for join in self._live:
            if join.side != sweep.side and join.queues and sweep.time_ms - join.placed_ms < WITHIN_MS:
                self._fill(join, sweep)

    def _fill(self, join: _Join, sweep: Sweep) -> None:
        for rate, amount in sweep.fills:
            if (rate > join.rate) if join.side == "buy" else (rate < join.rate):
                continue
            trade = Print("", sweep.time_ms, rate, amount, sweep.side)
            for estimate in list(join.queues):
                if join.queues[estimate].fill(join.side, join.rate, AMOUNT, trade, estimate) > 0:
                    del join.queues[estimate]
                    self._filled[estimate] += 1

    def figures(self) -> dict[str, Any]:
        """Shares filled, of the joins whose 30 s are over; those still open are left out of both."""
        filled = self._filled.copy()
        for join in self._live:
            filled.subtract({"stock": not join.stock_waits})
            filled.subtract({estimate: estimate not in join.queues for estimate in ESTIMATES})
        shares = {rule: filled[rule] / self._ended if self._ended else None for rule in (*ESTIMATES, "stock")}
        return {"joins": self._ended, "within_s": WITHIN_MS // 1000, **shares}


def _new_join(side: BuySell, best: Level, time_ms: int) -> _Join:
    return _Join(side, best[0], time_ms, {estimate: Queue(best[1]) for estimate in ESTIMATES})


def _displayed(book: LocalBook, join: _Join) -> float:
    """Amount displayed at the join's rate, on its own side."""
    own_side: BuySell = "sell" if join.side == "buy" else "buy"
    for level in book.levels_under(None, own_side):
        if level[0] == join.rate:
            return level[1]
        if (level[0] < join.rate) if join.side == "buy" else (level[0] > join.rate):
            break
    return 0.0
