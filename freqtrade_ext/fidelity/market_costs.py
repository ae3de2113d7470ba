"""
What market orders would have cost on recordings: the figures of `freqtrade-ext costs`.

Every few seconds orders of some sizes are decided on at the mid rate, and meet the book as it is after the
time that they take to arrive: they pay half the spread, and what they take from behind the best level. The
mid is also followed after its moves. Nothing here knows what a bot would have done: an order that comes with
a candle meets the book of any moment.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from freqtrade_ext.feed.local_book import Top
from freqtrade_ext.fidelity.book_tape import QUIET_MS, BookTape
from freqtrade_ext.fidelity.cost_figures import SINGLE, cost_figures
from freqtrade_ext.fills.book import BuySell, Level, walk
from freqtrade_ext.fills.costs import WINDOW_MINUTES
from freqtrade_ext.tape import DAMAGE, Record, Recording, TradeIds, ids_of_trade

PROBE_MS = 5_000
DECISION_MS = 1_000
"""least time between two moves of the mid that are followed"""
MINUTE_MS = 60_000


class MarketCosts:
    """Takes one pair's messages in the order of a recording, and adds up what orders would have cost."""

    def __init__(self, sizes: Sequence[float], latency_ms: float) -> None:
        """:param sizes: of orders in quote units."""
        self._sizes, self._latency_ms = sizes, latency_ms
        self._tape = BookTape(lambda time_ms, book: None)
        self._top: Top | None = None
        self._probes = array("d")
        """rows of `cost_figures`"""
        self._next_ms = self._decided = math.nan
        """when the next order is decided on, and at what mid, once it has been"""
        self._minutes: deque[list[float]] = deque(maxlen=WINDOW_MINUTES + 1)
        """minute, highest and lowest rate traded"""
        self._ids = TradeIds()
        self._mid = math.nan
        self._moves: deque[tuple[float, float, float]] = deque()
        """when to look at the mid, what it was, and the direction it had moved in"""
        self._drift = array("d")
        self._volume = 0.0
        """quote units traded"""
        self._first_ms = self._since_ms = self._last_ms = math.nan
        """local clock: of the first message, of the first since the last gap, of the last"""
        self._heard_ms = 0.0
        """without gaps"""

    def take(self, record: Record) -> None:
        """:raises ValueError, KeyError, TypeError: for a damaged message."""
        now_ms = record.local_ms
        self._look(now_ms)
        if record.kind == "depth":
            self._tape.use(self._tape.difference(record.data) + 1)
            self._follow(now_ms)
        elif record.kind == "bookTicker":
            data = record.data
            self._top = Top(data["u"], *(float(data[name]) for name in "bBaA"))
            self._follow(now_ms)
        elif record.kind == "snapshot":
            self._tape.snapshot(record.data)
        elif record.kind in ("trade", "aggTrade"):
            self._trade(now_ms, record.data)

    def forget(self) -> None:
        """Start anew with the next snapshot: a book that holds damaged levels is not known."""
        self._tape.forget()
        self._next_ms = math.nan

    def _look(self, now_ms: float) -> None:
        """Decide and arrive at the times that have come; the book and its mid are those of until now."""
        if math.isnan(self._first_ms):
            self._first_ms = self._last_ms = now_ms
        if 0 <= now_ms - self._last_ms < QUIET_MS:
            self._heard_ms += now_ms - self._last_ms
        if not abs(now_ms - self._next_ms) < QUIET_MS:
            self._next_ms, self._since_ms, self._decided = now_ms, now_ms, math.nan
        while self._moves and self._moves[0][0] <= now_ms:
            _, before, direction = self._moves.popleft()
            self._drift.append(1e4 * direction * (self._mid / before - 1))
        while now_ms > self._next_ms:
            if math.isnan(self._decided):
                self._decided = self._mid
            if now_ms <= self._next_ms + self._latency_ms:
                break
            self._probe(self._next_ms, self._decided)
            self._next_ms, self._decided = self._next_ms + PROBE_MS, math.nan
        self._last_ms = now_ms

    def _probe(self, at_ms: float, decided: float) -> None:
        """Note what orders pay that were decided on at a mid rate; nothing where the book is not known."""
        sides: tuple[BuySell, BuySell] = ("buy", "sell")
        best = [next(self._levels(side), (math.nan, 0.0))[0] for side in sides]
        mid = sum(best) / 2
        if not self._tape.time_ms or not best[1] < best[0] or math.isnan(decided):
            return
        row = [
            at_ms // 3_600_000 % 24,
            self._range(at_ms),
            1e4 * (best[0] - mid) / mid,
            1e4 * (mid / decided - 1),
        ]
        for side, touch, sign in zip(sides, best, (1, -1), strict=True):
            for size in self._sizes:
                walked = walk(self._levels(side), size / mid, side)
                row.append(math.nan if walked.stopped else 1e4 * sign * (walked.average - touch) / mid)
        self._probes.extend(row)

    def _levels(self, side: BuySell) -> Iterator[Level]:
        return self._tape.book.levels_under(self._top, side)

    def _range(self, now_ms: float) -> float:
        """Return the range of the last 15 minutes in percent; NaN where it is known for less."""
        if now_ms - self._since_ms < WINDOW_MINUTES * MINUTE_MS:
            return math.nan
        since = now_ms // MINUTE_MS - WINDOW_MINUTES
        seen = [minute for minute in self._minutes if minute[0] >= since]
        return 100 * (max(m[1] for m in seen) / min(m[2] for m in seen) - 1) if seen else 0.0

    def _trade(self, now_ms: float, data: dict[str, Any]) -> None:
        rate, amount = float(data["p"]), float(data["q"])
        if not (0 < rate < math.inf and 0 < amount < math.inf):
            raise ValueError(f"{amount} at {rate}")
        first_id, last_id = ids_of_trade(data)
        if not self._ids.add(int(first_id), int(last_id), data["T"]):
            return
        self._volume += rate * amount
        minute = now_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, rate, rate])
        newest = self._minutes[-1]
        newest[1], newest[2] = max(newest[1], rate), min(newest[2], rate)

    def _follow(self, now_ms: float) -> None:
        """Note the mid, and follow its move where none is followed yet."""
        book, top = self._tape.book, self._top
        top = top if top and top.update_id > book.update_id else book.own_top()
        mid = (top.bid + top.ask) / 2 if top.bid and top.ask and self._tape.time_ms else math.nan
        moved = mid - self._mid
        is_free = not self._moves or now_ms > self._moves[-1][0] - self._latency_ms + DECISION_MS
        if moved and not math.isnan(moved) and is_free:
            self._moves.append((now_ms + self._latency_ms, mid, math.copysign(1.0, moved)))
        self._mid = mid

    def figures(self) -> dict[str, Any] | None:
        """Return what `costs.json` keeps of the pair; None where its book was never known."""
        rows = np.array(self._probes).reshape(-1, SINGLE + 2 * len(self._sizes))
        if not len(rows):
            return None
        drift = np.array(self._drift)
        return {
            "recorded": f"{_time(self._first_ms)} to {_time(self._last_ms)}",
            "quote_volume_per_hour": round(self._volume / max(self._heard_ms, 1.0) * 3_600_000),
            **cost_figures(rows, self._sizes, drift[~np.isnan(drift)]),
        }


def _time(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def measure_costs(
    paths: Iterable[Path],
    sizes: Sequence[float],
    latency_ms: float,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """
    Play recordings in the order given.

    :param sizes: of orders in quote units.
    :param progress: called now and then with bytes read and bytes in all.
    :return: symbol -> what `costs.json` keeps of it.
    :raises RecordingError: for a file without one usable message.
    """
    recording, markets = Recording(paths, progress=progress), dict[str, MarketCosts]()
    for record in recording:
        if (market := markets.get(record.symbol)) is None:
            market = markets[record.symbol] = MarketCosts(sizes, latency_ms)
        try:
            market.take(record)
        except DAMAGE as error:
            market.forget()
            recording.skip(record, f"{type(error).__name__}: {error}")
    found = {symbol: market.figures() for symbol, market in markets.items()}
    return {symbol: figures for symbol, figures in found.items() if figures is not None}
