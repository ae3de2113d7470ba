"""Which market streams are followed, and when each says something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from freqtrade_ext.replica import messages
from freqtrade_ext.replica.candles import INTERVALS_MS, OPEN_MS, close_ms
from freqtrade_ext.replica.happenings import AggTrade, Trade
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.messages import Message

Publish = Callable[[str, Message], None]
_KLINE_EVERY_MS = 2000
_TICKER_EVERY_MS = 1000
_DEPTH_EVERY_MS = {"depth": 1000, "depth@1000ms": 1000, "depth@100ms": 100}


@dataclass(slots=True)
class _Diff:
    """Changes of a book since its depth stream last spoke."""

    market: Market
    every_ms: int
    last_id: int
    first_id: int
    due_ms: int = 0
    bids: dict[int, int] = field(default_factory=dict)
    """amounts by rate as of `last_id`"""
    asks: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Kline:
    market: Market
    interval: str
    open_ms: int
    """of the candle last spoken of"""
    due_ms: int = 0


@dataclass(slots=True)
class Periodic:
    """A stream that restates something once a second."""

    market: Market
    state: Callable[[Market, int], Message]
    due_ms: int = 0


class Channels:
    """
    Observes the markets for the streams that are followed, and does no work for the others.

    :param publish: is called with a stream's name and payload.
    """

    def __init__(self, markets: Sequence[Market], publish: Publish) -> None:
        self._markets = {market.symbol.name.lower(): market for market in markets}
        self._publish = publish
        self._diffs: dict[str, _Diff] = {}
        self._klines: dict[str, _Kline] = {}
        self._periodic: dict[str, Periodic] = {}
        self._instant: set[str] = set()
        self._tops: dict[str, Message] = {}
        for market in markets:
            market.observers.append(self)

    def follow(self, name: str) -> None:
        """Start a stream; one that does not exist stays silent, as on Binance."""
        symbol, _, kind = name.partition("@")
        market = self._markets.get(symbol)
        if market is None:
            return
        if kind in _DEPTH_EVERY_MS:
            next_id = market.update_id + 1
            self._diffs[name] = _Diff(market, _DEPTH_EVERY_MS[kind], market.update_id, next_id)
        elif kind.startswith("kline_") and (interval := kind.removeprefix("kline_")) in (*INTERVALS_MS, "1M"):
            open_ms = int(market.candles.interval(interval, limit=1)[0, OPEN_MS])
            self._klines[name] = _Kline(market, interval, open_ms)
        elif kind in ("trade", "aggTrade", "bookTicker"):
            self._instant.add(name)

    def repeat(self, name: str, periodic: Periodic) -> None:
        self._periodic[name] = periodic

    def unfollow(self, name: str) -> None:
        self._diffs.pop(name, None)
        self._klines.pop(name, None)
        self._periodic.pop(name, None)
        self._instant.discard(name)

    def book_changed(self, market: Market, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        if not self._diffs and not self._instant:
            return
        symbol = market.symbol.name.lower()
        for kind in _DEPTH_EVERY_MS:
            diff = self._diffs.get(f"{symbol}@{kind}")
            if diff is not None:
                self._add(f"{symbol}@{kind}", diff, ms, bids, asks)
        if f"{symbol}@bookTicker" in self._instant:
            self._say_top(symbol, market)

    def _add(self, name: str, diff: _Diff, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        if diff.bids or diff.asks:
            # in a long step of virtual time the period may have ended before this change
            self._flush(name, diff, ms)
        else:
            diff.due_ms = (ms // diff.every_ms + 1) * diff.every_ms
        diff.bids.update((rate, diff.market.bids.amount(rate)) for rate in bids)
        diff.asks.update((rate, diff.market.asks.amount(rate)) for rate in asks)
        diff.last_id = diff.market.update_id

    def _flush(self, name: str, diff: _Diff, ms: int) -> None:
        if ms < diff.due_ms or not (diff.bids or diff.asks):
            return
        message = messages.depth_update(
            diff.market, diff.due_ms, diff.first_id, diff.last_id, diff.bids, diff.asks
        )
        diff.first_id = diff.last_id + 1
        diff.bids.clear()
        diff.asks.clear()
        diff.due_ms = (ms // diff.every_ms + 1) * diff.every_ms
        self._publish(name, message)

    def _say_top(self, symbol: str, market: Market) -> None:
        top = messages.best(market)
        seen = {**top, "u": None}
        if self._tops.get(symbol) != seen:
            self._tops[symbol] = seen
            self._publish(f"{symbol}@bookTicker", top)

    def traded(self, market: Market, trades: Sequence[Trade], agg: Sequence[AggTrade]) -> None:
        if not self._instant:
            return
        symbol = market.symbol.name.lower()
        if f"{symbol}@trade" in self._instant:
            for trade in trades:
                self._publish(f"{symbol}@trade", messages.trade(market, trade))
        if f"{symbol}@aggTrade" in self._instant:
            for one in agg:
                self._publish(f"{symbol}@aggTrade", messages.agg_trade(market, one))

    def filled(self, market: Market, order_id: int, trade: Trade) -> None:
        """Nothing that concerns market streams."""

    def advance(self, now_ms: int) -> None:
        """Publish what is due by now."""
        for name, diff in self._diffs.items():
            self._flush(name, diff, now_ms)
        for name, kline in self._klines.items():
            self._say_candles(name, kline, now_ms)
        for name, periodic in self._periodic.items():
            if now_ms >= periodic.due_ms:
                periodic.due_ms = now_ms + _TICKER_EVERY_MS
                self._publish(name, periodic.state(periodic.market, now_ms))

    def _say_candles(self, name: str, kline: _Kline, now_ms: int) -> None:
        """Candles that closed since, once each, and the open one every two seconds."""
        if now_ms < kline.due_ms and now_ms <= close_ms(kline.interval, kline.open_ms):
            return
        rows = kline.market.candles.interval(kline.interval, start_ms=kline.open_ms, limit=1000).tolist()
        for row in rows[:-1]:
            self._publish(name, messages.kline(kline.market, now_ms, kline.interval, row, closed=True))
        self._publish(name, messages.kline(kline.market, now_ms, kline.interval, rows[-1], closed=False))
        kline.open_ms = rows[-1][OPEN_MS]
        kline.due_ms = now_ms + _KLINE_EVERY_MS
