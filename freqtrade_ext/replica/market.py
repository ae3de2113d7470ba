"""One symbol's market: its book, trades and candles, and what can happen to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Protocol, TypeVar

from freqtrade_ext.replica.book import BookSide, Match, Resting
from freqtrade_ext.replica.candles import Candles
from freqtrade_ext.replica.happenings import (
    OPPOSITE,
    AggTrade,
    BuySell,
    Happening,
    KnownTrade,
    Quotes,
    Take,
    Trade,
)
from freqtrade_ext.replica.symbols import Symbol

_SIDES: tuple[BuySell, BuySell] = ("buy", "sell")
_TAPE_LENGTH = 50_000


class Source(Protocol):
    """Where the happenings of a market come from."""

    is_over: bool
    """whether nothing will happen any more"""

    def until(self, ms: int) -> Iterator[Happening]:
        """Happenings not yet given, in time order, up to this time."""

    def skip(self, ms: int) -> None:
        """Skip to a time without happenings."""

    def move(self, ms: int, to: int, seconds: float) -> None:
        """Lead the market to a rate; ValueError where the source cannot."""


class Observer(Protocol):
    """Called synchronously at each change."""

    def book_changed(self, market: Market, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        """Amounts at these rates changed; `market.update_id` is the id of the last change."""

    def traded(self, market: Market, trades: Sequence[Trade], agg: Sequence[AggTrade]) -> None:
        """One aggressor traded."""

    def filled(self, market: Market, order_id: int, trade: Trade) -> None:
        """A resting order of the test account was hit."""


class Market:
    """The state of one symbol; `apply` is the only way in for happenings of others."""

    def __init__(self, symbol: Symbol, candles: Candles, update_id: int) -> None:
        self.symbol = symbol
        self.bids = BookSide(-1)
        self.asks = BookSide(1)
        self.candles = candles
        self.update_id = update_id
        self.trades: list[Trade] = []
        self.agg_trades: list[AggTrade] = []
        self.frozen = False
        self.observers: list[Observer] = []
        self._next_trade = int(candles.minutes(1)[0, -1])
        self._next_agg = self._next_trade // 2

    @property
    def is_trading(self) -> bool:
        """Whether others trade by themselves."""
        return not self.frozen and self.symbol.status == "TRADING"

    @property
    def last(self) -> int:
        """Rate of the last trade."""
        return self.trades[-1].rate if self.trades else self.candles.close

    def side(self, side: BuySell) -> BookSide:
        """The side of the book on which orders of this side rest."""
        return self.bids if side == "buy" else self.asks

    def apply(self, happening: Happening) -> None:
        if isinstance(happening, Quotes):
            self._quote(happening)
        elif isinstance(happening, Take):
            self.take(happening.ms, happening.side, happening.amount, happening.limit)
        else:
            self._print(happening)

    def _quote(self, quotes: Quotes) -> None:
        bids, asks = dict(quotes.bids), dict(quotes.asks)
        if quotes.whole:
            bids = dict.fromkeys(self.bids.rates(), 0) | bids
            asks = dict.fromkeys(self.asks.rates(), 0) | asks
        self._changed(quotes.ms, self.bids.show(bids), self.asks.show(asks), quotes.update_id)
        if self.bids.holds_own or self.asks.holds_own:
            self._uncross(quotes.ms)

    def _uncross(self, ms: int) -> None:
        """Others' new quotes that meet a resting order of the test account trade with it first."""
        for side in _SIDES:
            own, others = self.side(side), self.side(OPPOSITE[side])
            if not own.holds_own:
                continue
            while (best := others.best()) is not None and any(
                others.reaches(best, order.rate) for order in own.resting()
            ):
                amount = others.others(best)
                others.put(best, 0)
                traded = sum(t.amount for t in self.take(ms, OPPOSITE[side], amount, best))
                others.put(best, amount - traded)
                self._changed(ms, *self._sided(OPPOSITE[side], best))
                if traded < amount or not amount:
                    break

    def take(self, ms: int, side: BuySell, amount: int, limit: int | None = None) -> list[Trade]:
        """Match an aggressor with the book; return its prints, best rate first."""
        makers = self.asks if side == "buy" else self.bids
        matches = makers.take(amount, limit)
        trades = self._record(ms, side, matches)
        rates = list(dict.fromkeys(m.rate for m in matches))
        self._changed(ms, rates if side == "sell" else (), rates if side == "buy" else ())
        return trades

    def rest(self, ms: int, side: BuySell, order: Resting) -> None:
        """Put an order of the test account on the book."""
        self.side(side).join(order)
        self._changed(ms, *self._sided(side, order.rate))

    def withdraw(self, ms: int, side: BuySell, order: Resting) -> None:
        """Remove it from the book."""
        self.side(side).leave(order)
        self._changed(ms, *self._sided(side, order.rate))

    def _sided(self, side: BuySell, rate: int) -> tuple[Sequence[int], Sequence[int]]:
        return ([rate], ()) if side == "buy" else ((), [rate])

    def _print(self, printed: KnownTrade) -> None:
        """
        Record a print, and fill own orders it must have hit: those at its rate once what queued before
        them is used up, those at better rates up to the printed amount.
        """
        if printed.trade_id is not None:
            self._next_trade = max(self._next_trade, printed.trade_id)
        self._record(printed.ms, printed.side, [Match(printed.rate, printed.amount, None)])
        makers = self.asks if printed.side == "buy" else self.bids
        left = printed.amount
        for order in sorted(makers.resting(), key=lambda o: makers.reaches(o.rate, printed.rate)):
            if left > 0 and makers.reaches(order.rate, printed.rate):
                left -= self._hit(printed, order, makers, left)

    def _hit(self, printed: KnownTrade, order: Resting, makers: BookSide, left: int) -> int:
        if order.rate == printed.rate:
            queue = min(order.ahead, left)
            order.ahead -= queue
            left -= queue
        taken = min(order.left, left)
        if taken > 0:
            order.left -= taken
            if order.left == 0:
                makers.leave(order)
            trade = Trade(self._next_trade, printed.ms, order.rate, taken, printed.side == "sell")
            self._tell_filled(order.order_id, trade)
        return taken

    def _record(self, ms: int, side: BuySell, matches: Sequence[Match]) -> list[Trade]:
        trades: list[Trade] = []
        agg: list[AggTrade] = []
        for match in matches:
            trade = Trade(self._next_trade, ms, match.rate, match.amount, side == "sell")
            self._next_trade += 1
            trades.append(trade)
            self.candles.add(trade)
            if agg and agg[-1].rate == match.rate:
                agg[-1] = replace(agg[-1], last=trade.id, amount=agg[-1].amount + match.amount)
            else:
                agg.append(
                    AggTrade(self._next_agg, trade.id, trade.id, ms, match.rate, match.amount, side == "sell")
                )
                self._next_agg += 1
        self.trades += trades
        self.agg_trades += agg
        _trim(self.trades)
        _trim(self.agg_trades)
        # fills first: a trade may trigger a stop, which must find its account as the trade left it
        for match, trade in zip(matches, trades, strict=True):
            if match.order_id is not None:
                self._tell_filled(match.order_id, trade)
        if trades:
            for observer in self.observers:
                observer.traded(self, trades, agg)
        return trades

    def _tell_filled(self, order_id: int, trade: Trade) -> None:
        for observer in self.observers:
            observer.filled(self, order_id, trade)

    def _changed(
        self, ms: int, bids: Sequence[int], asks: Sequence[int], update_id: int | None = None
    ) -> None:
        if not bids and not asks:
            return
        # a recorded id may lie behind: a diff brings what happened before the bookTicker that was ahead of it
        counted = self.update_id + (len(bids) + len(asks) if update_id is None else 1)
        self.update_id = max(counted, update_id or 0)
        for observer in self.observers:
            observer.book_changed(self, ms, bids, asks)


_Listed = TypeVar("_Listed", Trade, AggTrade)


def since_id(tape: Sequence[_Listed], first_id: int) -> int:
    """Index of the first entry with this id or a later one."""
    return bisect_left(tape, first_id, key=attrgetter("id"))


def since_ms(tape: Sequence[_Listed], ms: int) -> int:
    """Index of the first entry at this time or later."""
    return bisect_left(tape, ms, key=attrgetter("ms"))


def _trim(tape: list[_Listed]) -> None:
    if len(tape) > 2 * _TAPE_LENGTH:
        del tape[:-_TAPE_LENGTH]
