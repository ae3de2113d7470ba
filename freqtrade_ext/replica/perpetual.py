"""What a perpetual future has besides its book: a mark price with candles of its own, and funding."""

from __future__ import annotations

from zlib import crc32

from freqtrade_ext.replica.candles import Candles
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.happenings import Trade
from freqtrade_ext.replica.market import Market

HOUR_MS = 3_600_000
_SECOND_MS = 1000
_WEIGHT = 0.3
"""part of the distance to the book's middle that the mark price covers in a second"""
_FUNDING_STEP = E8 // 100_000
"""0.001 %: funding rates are multiples of it"""


class Perpetual:
    """
    The mark price follows the middle of the book, smoothed, once a second; funding is due every few hours.

    :param funding_hours: between two funding times, counted from midnight UTC.
    """

    def __init__(self, market: Market, funding_hours: int = 8) -> None:
        self._market = market
        self.funding_ms = funding_hours * HOUR_MS
        self.premium = 0.0
        """ratio by which the mark price is led away from the middle of the book"""
        self.funding_rates: dict[int, int] = {}
        """funding rates that were set, by their time in ms; units of 1e-8"""
        self.candles = Candles(market.candles.history)
        self.mark = market.last
        """quote units of 1e-8"""
        self._next_ms = int(self.candles.minutes(1)[0, 0])

    def look(self, ms: int) -> None:
        """Follow the market as it stands; call it at least as often as something happens there."""
        if ms < self._next_ms:
            return
        seconds = max((ms - self._next_ms) // _SECOND_MS + 1, 1)
        self._next_ms = (ms // _SECOND_MS + 1) * _SECOND_MS
        bid, ask = self._market.bids.best(), self._market.asks.best()
        middle = (bid + ask) // 2 if bid and ask else self._market.last
        aim = middle * (1 + self.premium)
        # near enough is there, or a standing market would never have its own rate as mark price
        gap = aim - self.mark
        self.mark = int(aim if abs(gap) < aim * 1e-6 else self.mark + gap * (1 - (1 - _WEIGHT) ** seconds))
        self.candles.add(Trade(0, ms, self.mark, 0, is_buyer_maker=True))

    def jump(self, ms: int, mark: int) -> None:
        """Set the mark price at once, and keep its distance from the book."""
        bid, ask = self._market.bids.best(), self._market.asks.best()
        middle = (bid + ask) / 2 if bid and ask else float(self._market.last)
        self.premium = mark / middle - 1
        self.mark = mark
        self.candles.add(Trade(0, ms, mark, 0, is_buyer_maker=True))

    def funding_rate(self, time_ms: int) -> int:
        """Return the rate due at a funding time, 1e-8 of the position; longs pay a positive one."""
        drawn = crc32(f"{self._market.symbol.name}{time_ms}".encode()) % 41 - 15
        return self.funding_rates.get(time_ms, drawn * _FUNDING_STEP)

    def next_funding_ms(self, now_ms: int) -> int:
        return (now_ms // self.funding_ms + 1) * self.funding_ms

    def fundings(self, start_ms: int, end_ms: int) -> list[int]:
        """Return the funding times from start to end, both included."""
        first = -(-start_ms // self.funding_ms)
        return [time * self.funding_ms for time in range(first, end_ms // self.funding_ms + 1)]

    def mark_at(self, time_ms: int) -> int:
        """Return the mark price that a funding time was settled at: the open of its minute."""
        rows = self.candles.interval("1m", time_ms, time_ms, 1)
        return int(rows[0, 1]) if len(rows) else self.mark
