"""
What market orders would have cost on recordings: the figures of `freqtrade-ext costs`.

Every few seconds the book as it stands is asked what orders of some sizes would pay against the mid rate:
half the spread, and what they take from behind the best level. The mid is followed after its moves for the
time an order takes to arrive. Nothing here knows what a bot would have done: an order that
comes with a candle meets the book of any moment.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.fills.book import BuySell, walk
from freqtrade_ext.fills.costs import ALL, WINDOW_MINUTES
from freqtrade_ext.tape import DAMAGE, Record, Recording, TradeIds, first_update_id, ids_of_trade

PROBE_MS = 5_000
QUIET_MS = 60_000
"""a book that did not change for longer is not taken to have stood there: the recording may have a gap"""
DECISION_MS = 1_000
"""least time between two moves of the mid that are followed"""
MINUTE_MS = 60_000
LEAST_PROBES = 120
"""an hour of the day, or a size, that was seen less often has no value of its own"""
INTERVAL = (5, 95)
"""percentiles"""


class MarketCosts:
    """Takes one pair's messages in the order of a recording, and adds up what orders would have cost."""

    def __init__(self, sizes: Sequence[float], latency_ms: float) -> None:
        """:param sizes: of orders in quote units."""
        self._sizes, self._latency_ms = sizes, latency_ms
        self._book = LocalBook()
        self._probes = array("d")
        """hour, range, half spread, then the depth cost of each size; NaN is unknown"""
        self._next_ms = 0.0
        self._minutes: deque[list[float]] = deque(maxlen=WINDOW_MINUTES + 1)
        """minute, highest and lowest rate traded"""
        self._ids = TradeIds()
        self._mid = math.nan
        self._moves: deque[tuple[float, float, float]] = deque()
        """when to look at the mid, what it was, and the direction it had moved in"""
        self._drift = array("d")
        self.volume = 0.0
        """quote units traded"""
        self.first_ms = self.last_ms = math.nan
        """local clock"""

    def take(self, record: Record) -> None:
        """:raises ValueError, KeyError, TypeError: for a damaged message."""
        now_ms = record.local_ms
        self._look(now_ms)
        if record.kind == "depth":
            data = record.data
            if data["u"] < self._book.update_id and not self._book.lost:
                return
            self._book.diff(int(first_update_id(data)), int(data["u"]), data["b"], data["a"])
            self._follow(now_ms)
        elif record.kind == "bookTicker":
            data = orjson.loads(record.raw)
            self._book.best(Top(data["u"], *(float(data[name]) for name in "bBaA")))
            self._follow(now_ms)
        elif record.kind == "snapshot":
            data = record.data
            self._book.snapshot(data["lastUpdateId"], data["bids"], data["asks"])
        elif record.kind in ("trade", "aggTrade"):
            self._trade(now_ms, record.data)

    def _look(self, now_ms: float) -> None:
        """Ask the book, as it was until now, at the times that have come."""
        if math.isnan(self.first_ms) or now_ms < self.last_ms - QUIET_MS:
            self.first_ms = now_ms if math.isnan(self.first_ms) else self.first_ms
            self._next_ms = now_ms
        while self._moves and self._moves[0][0] <= now_ms:
            _, before, direction = self._moves.popleft()
            self._drift.append(1e4 * direction * (self._mid / before - 1))
        if now_ms > self._next_ms:
            row = self._probe()
            for at_ms in (
                np.arange(self._next_ms, min(now_ms, self._next_ms + QUIET_MS), PROBE_MS) if row else ()
            ):
                hour = int(at_ms // 3_600_000) % 24
                self._probes.extend((hour, self._range(at_ms), *row))
            self._next_ms += math.ceil((now_ms - self._next_ms) / PROBE_MS) * PROBE_MS
        self.last_ms = now_ms

    def _probe(self) -> list[float]:
        """Return half the spread and the depth cost of each size in bps; empty where there is no book."""
        sides: tuple[BuySell, BuySell] = ("buy", "sell")
        best = [next(self._book.levels(side), (math.nan, 0.0))[0] for side in sides]
        mid = sum(best) / 2
        if self._book.lost or not best[1] < best[0]:
            return []
        row = [1e4 * (best[0] - mid) / mid]
        for size in self._sizes:
            costs = []
            for side, touch, sign in zip(sides, best, (1, -1), strict=True):
                walked = walk(self._book.levels(side), size / mid, side)
                costs.append(math.nan if walked.stopped else 1e4 * sign * (walked.average - touch) / mid)
            row.append(sum(costs) / 2)
        return row

    def _range(self, now_ms: float) -> float:
        """Return the range of the last 15 minutes in percent; NaN where the recording is younger."""
        if now_ms - self.first_ms < WINDOW_MINUTES * MINUTE_MS:
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
        self.volume += rate * amount
        minute = now_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, rate, rate])
        newest = self._minutes[-1]
        newest[1], newest[2] = max(newest[1], rate), min(newest[2], rate)

    def _follow(self, now_ms: float) -> None:
        """Note the mid, and follow its move where none is followed yet."""
        top = self._book.top
        top = top if top and top.update_id > self._book.update_id else self._book.own_top()
        mid = (top.bid + top.ask) / 2 if top.bid and top.ask and not self._book.lost else math.nan
        moved = mid - self._mid
        is_free = not self._moves or now_ms > self._moves[-1][0] - self._latency_ms + DECISION_MS
        if moved and not math.isnan(moved) and is_free:
            self._moves.append((now_ms + self._latency_ms, mid, math.copysign(1.0, moved)))
        self._mid = mid

    def figures(self) -> dict[str, Any] | None:
        """Return what `costs.json` keeps of the pair; None where its book was never known."""
        rows = np.array(self._probes).reshape(-1, 3 + len(self._sizes))
        if not len(rows):
            return None
        hour, ranges, spread, depth = rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3:]
        hours = {ALL: spread} | {f"{h:02.0f}": spread[hour == h] for h in np.unique(hour)}
        hours = {name: seen for name, seen in hours.items() if name == ALL or len(seen) >= LEAST_PROBES}
        by_hour = {name: round(float(seen.mean()), 4) for name, seen in hours.items()}
        expected = np.array([by_hour.get(f"{h:02.0f}", by_hour[ALL]) for h in hour])
        drift = np.array(self._drift)
        drift = drift[~np.isnan(drift)]
        seconds = (self.last_ms - self.first_ms) / 1000
        return {
            "recorded": f"{_time(self.first_ms)} to {_time(self.last_ms)}",
            "quote_volume_per_hour": round(self.volume / max(seconds, 1.0) * 3600),
            "half_spread_bps": by_hour,
            **_by_range(ranges, spread, expected),
            "depth_bps": _by_size(self._sizes, depth, lambda seen: round(float(seen.mean()), 4)),
            "delay_bps": round(float(drift.mean()), 4) if len(drift) else 0.0,
            "interval_bps": _by_size(
                self._sizes,
                spread[:, None] + depth,
                lambda seen: [round(float(bps), 2) for bps in np.percentile(seen, INTERVAL)],
            ),
            "count": {
                "probes": len(rows),
                "by_hour": {name: len(seen) for name, seen in hours.items() if name != ALL},
                "too_deep": _by_size(self._sizes, depth, lambda seen: len(rows) - len(seen)),
                "moves": len(drift),
            },
        }


def _by_range(ranges: Any, spread: Any, expected: Any) -> dict[str, Any]:
    """Return the terciles of the market's range, and by which factor each is dearer than its hours are."""
    is_known = ~np.isnan(ranges)
    ranges, spread, expected = ranges[is_known], spread[is_known], expected[is_known]
    edges = np.unique(np.percentile(ranges, (100 / 3, 200 / 3))) if len(ranges) >= LEAST_PROBES else ()
    part = np.searchsorted(edges, ranges, side="right")
    counts = np.bincount(part, minlength=len(edges) + 1)
    if not len(edges) or counts.min() < LEAST_PROBES:
        return {"range_percent": [], "range_factor": [1.0]}
    factors = [spread[part == i].sum() / expected[part == i].sum() for i in range(len(edges) + 1)]
    return {
        "range_percent": [round(float(edge), 4) for edge in edges],
        "range_factor": [round(float(factor), 4) for factor in factors],
    }


def _by_size(sizes: Sequence[float], bps: Any, of: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a figure of each size that most books could fill."""
    seen = {f"{size:g}": column[~np.isnan(column)] for size, column in zip(sizes, bps.T, strict=True)}
    return {size: of(known) for size, known in seen.items() if 2 * len(known) > len(bps)}


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
    recording, markets = Recording(paths), dict[str, MarketCosts]()
    for number, record in enumerate(recording):
        if (market := markets.get(record.symbol)) is None:
            market = markets[record.symbol] = MarketCosts(sizes, latency_ms)
        try:
            market.take(record)
        except DAMAGE as error:
            recording.skip(record, f"{type(error).__name__}: {error}")
        if progress is not None and not number % 4096:
            progress(recording.bytes_read, recording.total_bytes)
    found = {symbol: market.figures() for symbol, market in markets.items()}
    return {symbol: figures for symbol, figures in found.items() if figures is not None}
