"""Candles of one symbol: minutes of history and of trades, and any longer interval made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from freqtrade_ext.replica.fixed import cost
from freqtrade_ext.replica.happenings import Trade

MINUTE_MS = 60_000
DAY_MS = 86_400_000
INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
# the epoch was a Thursday, Binance's weeks start on Monday
_WEEK_OFFSET_MS = 4 * DAY_MS

# columns of a row of candles; rates, amounts and costs in units of 1e-8
OPEN_MS, OPEN, HIGH, LOW, CLOSE, AMOUNT, COST, COUNT, BUY_AMOUNT, BUY_COST, FIRST_ID = range(11)
Rows = NDArray[np.int64]


class Candles:
    """Minute candles, the last one still open; empty minutes repeat the last close, as on Binance."""

    def __init__(self, history: Rows) -> None:
        """:param history: closed minutes, one after the other, at least one."""
        self.history = history
        """never changed, so that it may be shared"""
        self._rows = np.zeros((4096, 11), dtype=np.int64)
        """minutes since, of which `_size` are closed"""
        self._size = 0
        self._live = self._flat(int(history[-1, OPEN_MS]) + MINUTE_MS)

    def _flat(self, open_ms: int) -> list[int]:
        last = self._rows[self._size - 1] if self._size else self.history[-1]
        close = int(last[CLOSE])
        return [open_ms, close, close, close, close, 0, 0, 0, 0, 0, int(last[FIRST_ID] + last[COUNT])]

    @property
    def close(self) -> int:
        return self._live[CLOSE]

    def advance(self, ms: int) -> None:
        """Close every minute that ended by now."""
        while ms >= self._live[OPEN_MS] + MINUTE_MS:
            if self._size + 1 >= len(self._rows):
                self._rows = np.vstack([self._rows, np.zeros_like(self._rows)])
            self._rows[self._size] = self._live
            self._size += 1
            self._live = self._flat(self._live[OPEN_MS] + MINUTE_MS)

    def add(self, trade: Trade) -> None:
        self.advance(trade.ms)
        live, rate, paid = self._live, trade.rate, cost(trade.rate, trade.amount)
        if live[COUNT] == 0:
            live[OPEN] = live[HIGH] = live[LOW] = rate
            live[FIRST_ID] = trade.id
        live[HIGH], live[LOW], live[CLOSE] = max(live[HIGH], rate), min(live[LOW], rate), rate
        live[AMOUNT] += trade.amount
        live[COST] += paid
        live[COUNT] += 1
        if not trade.is_buyer_maker:
            live[BUY_AMOUNT] += trade.amount
            live[BUY_COST] += paid

    def minutes(self, count: int | None = None) -> Rows:
        """The newest minutes, the open one last."""
        end = len(self.history) + self._size + 1
        return self._slice(0 if count is None else max(end - count, 0), end)

    def _slice(self, start: int, end: int) -> Rows:
        """Return minutes by their number since the first one, the open one among them."""
        self._rows[self._size] = self._live
        known = len(self.history)
        if start >= known:
            return self._rows[start - known : min(end - known, self._size + 1)]
        since = self._rows[: min(max(end - known, 0), self._size + 1)]
        return np.vstack([self.history[start:end], since]) if len(since) else self.history[start:end]

    def interval(
        self, name: str, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> Rows:
        """
        Candles that open between start and end: the first ones from the start, else the last ones.

        :param name: an interval of INTERVALS_MS, or 1M for calendar months.
        """
        rows = self._around(name, start_ms, end_ms, limit)
        opens = _open_times(name, rows[:, OPEN_MS])
        starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
        if opens[0] != rows[0, OPEN_MS] and len(starts) > 1:
            starts = starts[1:]
        chosen = np.ones(len(starts), dtype=bool)
        if start_ms is not None:
            chosen &= opens[starts] >= start_ms
        if end_ms is not None:
            chosen &= opens[starts] <= end_ms
        at = np.flatnonzero(chosen)
        at = at[:limit] if start_ms is not None else at[-limit:]
        if not len(at):
            return np.zeros((0, 11), dtype=np.int64)
        ends = np.append(starts[1:], len(rows))
        return _merge(rows[starts[at[0]] : ends[at[-1]]], starts[at] - starts[at[0]], opens[starts[at]])

    def _around(self, name: str, start_ms: int | None, end_ms: int | None, limit: int) -> Rows:
        """Enough minutes for the candles asked for, and parts of others before and after them."""
        length = (31 * DAY_MS if name == "1M" else INTERVALS_MS[name]) // MINUTE_MS
        first_ms, count = int(self.history[0, OPEN_MS]), len(self.history) + self._size + 1
        if start_ms is not None:
            start = min(max(start_ms - first_ms, 0) // MINUTE_MS, count - 1)
            return self._slice(max(start - length, 0), start + (limit + 2) * length)
        end = count if end_ms is None else max(end_ms - first_ms, 0) // MINUTE_MS + length + 1
        return self._slice(max(end - (limit + 2) * length, 0), end)


def close_ms(name: str, open_ms: int) -> int:
    """Last millisecond of a candle."""
    if name != "1M":
        return open_ms + INTERVALS_MS[name] - 1
    month = np.datetime64(open_ms, "ms").astype("datetime64[M]") + 1
    return int(month.astype("datetime64[ms]").astype(np.int64)) - 1


def _open_times(name: str, minutes: Rows) -> Rows:
    if name == "1M":
        months = minutes.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    length = INTERVALS_MS[name]
    offset = _WEEK_OFFSET_MS if name == "1w" else 0
    return (minutes - offset) // length * length + offset


def _merge(rows: Rows, starts: NDArray[np.intp], opens: Rows) -> Rows:
    merged = np.empty((len(starts), 11), dtype=np.int64)
    merged[:, OPEN_MS] = opens
    merged[:, OPEN] = rows[starts, OPEN]
    merged[:, CLOSE] = rows[np.append(starts[1:], len(rows)) - 1, CLOSE]
    merged[:, HIGH] = np.maximum.reduceat(rows[:, HIGH], starts)
    merged[:, LOW] = np.minimum.reduceat(rows[:, LOW], starts)
    for column in (AMOUNT, COST, COUNT, BUY_AMOUNT, BUY_COST):
        merged[:, column] = np.add.reduceat(rows[:, column], starts)
    merged[:, FIRST_ID] = rows[starts, FIRST_ID]
    return merged
