"""A generated market: makers, takers and arbitrage around a fair rate, repeatable by its seed."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import takewhile
from random import Random

from freqtrade_ext.replica.book import BookSide
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.happenings import OPPOSITE, BuySell, Happening, Level, Quotes, Take
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.path import Path

# Share of quotes and mean distance from the touch in basis points: most crowd near it, some wait far away.
_SHARES_BELOW = (0.55, 0.90)
_MEAN_BPS = (2.0, 20.0, 500.0)
_LEVELS = 1200
_TAKER_SHARE = 0.12
_TAKER_COST = 400.0
"""quote units of the median market order"""
_TAKER_REACH = 0.0025
"""strangers do not chase the rate further than this ratio"""
_REFILL_SHARE = (0.5, 0.9)
"""how often an event closes a gap at the touch: in a thin market, in a busy one"""
_FOLLOW_UP_SHARE = 0.65
_STALE_LEFT = 2
"""at most so many passed levels are not withdrawn in time and get taken,"""
_STALE_PART = (0.02, 0.3)
"""with so much of their amount"""
_STALE_MS = 120
"""after which the next event takes them: longer than the 100 ms between Binance's differences"""
_STICKY = 0.00004
"""makers follow the fair rate once it has moved by about this ratio"""
_TIDY = 40
"""withdrawn at once, at most, where there are too many levels"""


class Generator:
    """Orders of others on one symbol. Times between them are random, so is all else, by the seed only."""

    is_over = False

    def __init__(self, market: Market, path: Path, rng: Random, start_ms: int, activity: float = 1.0) -> None:
        """:param activity: factor on the number of orders; small values make virtual months affordable."""
        self._market = market
        self._path = path
        self._rng = rng
        self._per_ms = market.symbol.pace * activity / 1000
        thin, busy = _REFILL_SHARE
        share = thin + (busy - thin) * min(market.symbol.pace / 20, 1.0)
        # where one event stands for many, makers had as many chances
        self._refill_share = 1 - (1 - share) ** max(1 / activity, 1.0)
        self._next_ms = float(start_ms)
        self._last_side: BuySell = "buy"
        self._centre = 0.0
        self._passed_ms: dict[BuySell, int] = {}

    def open_book(self, ms: int) -> Quotes:
        """The book that the market starts with."""
        low, high = self._touch(self._path.at(ms))
        bids = {low - i * self._tick: self._amount(low) for i in range(8)}
        asks = {high + i * self._tick: self._amount(high) for i in range(8)}
        for _ in range(_LEVELS):
            for levels, side, touch in ((bids, "buy", low), (asks, "sell", high)):
                rate = self._quote_rate(side, touch)  # type: ignore[arg-type]
                levels[rate] = self._amount(rate)
        return Quotes(ms, list(bids.items()), list(asks.items()), whole=True)

    def until(self, ms: int) -> Iterator[Happening]:
        while self._next_ms <= ms:
            yield from self._event(int(self._next_ms))
            self._next_ms += self._rng.expovariate(self._per_ms * self._path.pace)

    def skip(self, ms: int) -> None:
        """Skip to a time, and go on with the scenario from the middle of the book as it is then."""
        self._next_ms = max(self._next_ms, float(ms))
        bid, ask = self._market.bids.best(), self._market.asks.best()
        middle = (bid + ask) / 2 if bid and ask else float(self._market.last)
        self._path.resume(middle, ms)

    def move(self, ms: int, to: int, seconds: float) -> None:
        self._path.move(float(to), seconds, ms)

    @property
    def _tick(self) -> int:
        return self._market.symbol.tick

    def _touch(self, fair: float) -> Level:
        """Best bid and ask that makers want: one tick apart, and following the fair rate in steps."""
        if abs(fair - self._centre) > max(self._tick / 2, fair * self._rng.expovariate(1 / _STICKY)):
            self._centre = fair
        low = max(int(self._centre) // self._tick, 1) * self._tick
        return low, low + self._tick

    def _event(self, ms: int) -> Iterator[Happening]:
        low, high = self._touch(self._path.at(ms))
        yield from self._arbitrage(ms, "buy", self._market.asks, low)
        yield from self._arbitrage(ms, "sell", self._market.bids, high)
        low, high = self._uncrossed(low, high)
        if self._rng.random() < self._refill_share:
            yield from self._refill(ms, low, high)
        if self._rng.random() < _TAKER_SHARE:
            yield self._taker(ms)
        else:
            yield self._maker(ms, low, high)

    def _arbitrage(self, ms: int, side: BuySell, makers: BookSide, reach: int) -> Iterator[Happening]:
        """
        Quotes that the fair rate has passed: most are withdrawn, the rest is taken a little later.

        Not at once, or every taker would meet a book that no difference had told of.
        """
        best = makers.best()
        if best is None or not makers.reaches(best, reach):
            self._passed_ms.pop(side, None)
            return
        stale = list(takewhile(lambda rate: makers.reaches(rate, reach), makers.rates()))
        passed_ms = self._passed_ms.setdefault(side, ms)
        if passed_ms == ms:
            yield _one_sided(ms, OPPOSITE[side], self._left(makers, stale))
        elif ms - passed_ms >= _STALE_MS:
            del self._passed_ms[side]
            yield Take(ms, side, sum(makers.amount(rate) for rate in stale), reach)

    def _left(self, makers: BookSide, stale: list[int]) -> list[Level]:
        step = self._market.symbol.step
        kept = dict.fromkeys(stale, 0)
        for rate in self._rng.sample(stale, min(self._rng.randint(0, _STALE_LEFT), len(stale))):
            kept[rate] = int(makers.others(rate) * self._rng.uniform(*_STALE_PART)) // step * step
        return list(kept.items())

    def _uncrossed(self, low: int, high: int) -> Level:
        """Best bid and ask that makers can quote while passed ones of the other side are still there."""
        bid, ask = self._market.bids.best(), self._market.asks.best()
        low = low if ask is None else min(low, ask - self._tick)
        high = high if bid is None else max(high, bid + self._tick)
        return low, high

    def _refill(self, ms: int, low: int, high: int) -> Iterator[Happening]:
        """Makers fill the gap that takers or a moving rate have left at the touch."""
        bid, ask = self._market.bids.best(), self._market.asks.best()
        bids = [] if bid is not None and bid >= low else self._ladder("buy", low)
        asks = [] if ask is not None and ask <= high else self._ladder("sell", high)
        if bids or asks:
            yield Quotes(ms, bids, asks)

    def _ladder(self, side: BuySell, touch: int) -> list[Level]:
        rates = {touch} | {self._quote_rate(side, touch) for _ in range(self._rng.randint(1, 4))}
        return [(rate, self._amount(rate)) for rate in rates]

    def _taker(self, ms: int) -> Take:
        if self._rng.random() > _FOLLOW_UP_SHARE:
            self._last_side = OPPOSITE[self._last_side]
        side = self._last_side
        cost = _TAKER_COST * self._rng.lognormvariate(0.0, 1.5)
        cost = min(cost, self._market.symbol.touch_cost * 4)
        rate = self._market.last
        reach = int(rate * (1 + _TAKER_REACH if side == "buy" else 1 - _TAKER_REACH))
        return Take(ms, side, self._steps(cost, rate), reach)

    def _maker(self, ms: int, low: int, high: int) -> Quotes:
        """Someone adds to the book or withdraws from it; the number of levels stays about the same."""
        side: BuySell = "buy" if self._rng.random() < 0.5 else "sell"
        levels = self._market.side(side)
        surplus = len(levels) - int(self._rng.uniform(0.9, 1.1) * _LEVELS)
        if surplus > 0:
            gone = self._rng.sample(range(1, len(levels)), min(1 + surplus // 20, _TIDY))
            return _one_sided(ms, side, [(levels.rate_at(index), 0) for index in gone])
        rate = self._quote_rate(side, low if side == "buy" else high)
        return _one_sided(ms, side, [(rate, self._amount(rate))])

    def _quote_rate(self, side: BuySell, touch: int) -> int:
        bps = _MEAN_BPS[bisect(_SHARES_BELOW, self._rng.random())]
        away = int(self._rng.expovariate(1 / bps) * touch / 10_000) // self._tick * self._tick
        return max(touch - away, self._tick) if side == "buy" else touch + away

    def _amount(self, rate: int) -> int:
        return self._steps(self._market.symbol.touch_cost * self._rng.lognormvariate(-1.2, 1.1), rate)

    def _steps(self, cost: float, rate: int) -> int:
        """Amount in lots that costs about so many quote units."""
        step = self._market.symbol.step
        return max(int(cost * E8 / rate * E8) // step, 1) * step


def _one_sided(ms: int, side: BuySell, levels: list[Level]) -> Quotes:
    return Quotes(ms, levels, ()) if side == "buy" else Quotes(ms, (), levels)
