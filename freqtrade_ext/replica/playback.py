"""Play a recording of the real exchange: its book, changes and trades, with their times moved to now."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import Any

from freqtrade_ext.replica.book import BookSide
from freqtrade_ext.replica.candles import FIRST_ID, MINUTE_MS, Candles
from freqtrade_ext.replica.exchange import Clock, Exchange, wall_clock_ms
from freqtrade_ext.replica.fixed import E8, cost, to_fixed
from freqtrade_ext.replica.happenings import BuySell, Happening, KnownTrade, Quotes
from freqtrade_ext.replica.history import invent
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.recorded_book import RecordedBook, levels
from freqtrade_ext.replica.symbols import Symbol, listed
from freqtrade_ext.tape import DAMAGE, Record, Recording, TradeIds, ids_of_trade

logger = logging.getLogger(__name__)

# smallest order by quote currency, as Binance has them
_MIN_NOTIONAL = {
    "USDT": "5",
    "USDC": "5",
    "FDUSD": "5",
    "EUR": "5",
    "BTC": "0.0001",
    "ETH": "0.001",
    "BNB": "0.01",
}
_LOOP_GAP_MS = 1000.0


class Playback:
    """Happenings of one symbol; where bookTicker is newer than the last depth diff, it is the top."""

    def __init__(self, paths: Sequence[Path], symbol: str, start_ms: int, speed: float, loop: bool) -> None:
        self._paths = paths
        self._symbol = symbol
        self._speed = speed
        self._loop = loop
        self._happenings = self._play(float(start_ms))
        self._next: Happening | None = None
        self._bids, self._asks = BookSide(-1), BookSide(1)
        self._restate = False
        self.is_over = False

    def until(self, ms: int) -> Iterator[Happening]:
        if self._restate:
            self._restate = False
            yield Quotes(ms, self._bids.levels(), self._asks.levels(), whole=True)
        while (happening := self._peek()) is not None and happening.ms <= ms:
            self._next = None
            yield happening

    def skip(self, ms: int) -> None:
        """Go on as the recording stands by then; what it held in between is lost."""
        while (happening := self._peek()) is not None and happening.ms <= ms:
            self._next = None
        self._restate = True

    def move(self, ms: int, to: int, seconds: float) -> None:
        raise ValueError("a recording goes its own way; only a generated market can be moved")

    def _peek(self) -> Happening | None:
        if self._next is None:
            self._next = next(self._happenings, None)
        return self._next

    def _play(self, start_ms: float) -> Iterator[Happening]:
        while True:
            last_ms = start_ms
            zero_ms: float | None = None
            for recorded_ms, happening in self._once():
                zero_ms = recorded_ms if zero_ms is None else zero_ms
                last_ms = max(last_ms, start_ms + (recorded_ms - zero_ms) / self._speed)
                yield replace(happening, ms=int(last_ms))
            if not self._loop:
                logger.warning(
                    "The recording of %s ended: its market stands still from now on.", self._symbol
                )
                self.is_over = True
                return
            start_ms = last_ms + _LOOP_GAP_MS

    def _once(self) -> Iterator[tuple[float, Happening]]:
        """The recording from its first snapshot on, with exchange times where it has them."""
        told = _Told(RecordedBook(self._bids, self._asks))
        timeless: list[Happening] = []
        recording = Recording(self._paths, is_binance=True)
        for record in recording:
            if record.symbol != self._symbol:
                continue
            try:
                ms, happenings = told.by(record)
            except DAMAGE as error:
                recording.skip(record, f"{type(error).__name__}: {error}")
                continue
            timeless += happenings
            if ms:
                # a snapshot in a file of its own has no time: it was taken before what follows it
                yield from ((ms, happening) for happening in timeless)
                timeless.clear()


class _Told:
    """Converts the messages of a recording to happenings, one after the other."""

    def __init__(self, book: RecordedBook) -> None:
        self._book = book
        self._ahead_ms = 0.0
        """of the exchange's clock against the recorder's"""
        self._ids = TradeIds()
        self._has_trades = False

    def by(self, record: Record) -> tuple[float, list[Happening]]:
        """Return time (0.0 if unknown) and happenings; raises errors of any kind for a damaged message."""
        data = record.data
        if "E" in data:
            self._ahead_ms = float(data["E"]) - record.local_ms
        ms = float(data.get("T", record.local_ms + self._ahead_ms))
        if record.kind not in ("trade", "aggTrade"):
            return ms, list(self._book.take_up(record, data))
        self._has_trades = self._has_trades or record.kind == "trade"
        if record.kind == "aggTrade" and self._has_trades:
            return ms, []
        first_id, last_id = ids_of_trade(data)
        printed = _printed(data, first_id)
        is_new = self._ids.add(int(first_id), int(last_id), int(data["T"]))
        return ms, [printed] if is_new and self._book.known else []


def _printed(data: dict[str, Any], trade_id: int) -> KnownTrade:
    side: BuySell = "sell" if data["m"] else "buy"
    rate, amount = to_fixed(data["p"]), to_fixed(data["q"])
    if rate <= 0 or amount <= 0:
        raise ValueError(f"{data['q']} at {data['p']}")
    return KnownTrade(0, side, rate, amount, trade_id)


def play(paths: Sequence[Path], speed: float, loop: bool, clock: Clock = wall_clock_ms) -> Exchange:
    """
    An exchange of recorded markets, one for each symbol whose book the recording has.

    :param speed: recorded seconds per second.
    :raises ValueError: where there is no snapshot of a book.
    :raises freqtrade_ext.tape.RecordingError: for a file that is no recording.
    """
    exchange = Exchange(clock)
    now_ms = clock()
    for name, snapshot in _snapshots(paths).items():
        symbol = _symbol(name, snapshot)
        logger.info(
            "%s: the candles before now are invented, they end at the recording's first rate", symbol.pair
        )
        end_ms = now_ms // MINUTE_MS * MINUTE_MS
        history = invent(symbol, symbol.start_rate, "flat", end_ms, now_ms, name)
        # leaves the recorded trades their own ids
        history[:, FIRST_ID] = 0
        market = Market(symbol, Candles(history), snapshot["lastUpdateId"] - 1)
        exchange.add(market, Playback(paths, name, now_ms, speed, loop))
    if not exchange.running:
        raise ValueError(f"no snapshot of a book in {', '.join(map(str, paths))}: nothing can be played")
    exchange.advance(now_ms)
    return exchange


def _snapshots(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """First snapshot of each symbol that shows a level."""
    found: dict[str, dict[str, Any]] = {}
    for record in Recording(paths, is_binance=True):
        if record.kind == "snapshot" and record.symbol and record.symbol not in found:
            with suppress(*DAMAGE):
                data = record.data
                if levels(data["bids"]) + levels(data["asks"]):
                    found[record.symbol] = data
    return found


def _symbol(name: str, snapshot: dict[str, Any]) -> Symbol:
    """Trading rules: known ones, as fine as the recorded levels are; or just read off these."""
    quote = next((quote for quote in _MIN_NOTIONAL if name.endswith(quote)), name[-3:])
    bids, asks = levels(snapshot["bids"]), levels(snapshot["asks"])
    rate, amount = (bids or asks)[0]
    symbol = listed(f"{name.removesuffix(quote)}/{quote}")
    tick, step = (symbol.tick, symbol.step) if symbol.is_known else (0, 0)
    return replace(
        symbol,
        tick=gcd(tick, *(level[0] for level in bids + asks)),
        step=gcd(step, *(level[1] for level in bids + asks)),
        min_notional=to_fixed(_MIN_NOTIONAL.get(quote, "0.0001")),
        start_rate=rate,
        touch_cost=cost(rate, amount) / E8,
    )
