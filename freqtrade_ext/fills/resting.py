"""What public trades and books do to the orders that wait at the exchange: stops trigger, queues fill."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from functools import partial

from freqtrade_ext.fills.book import DUST, Book, walk
from freqtrade_ext.fills.holdings import Holdings
from freqtrade_ext.fills.market import MarketAccess
from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.settings import MakerFill


class Resting:
    """The waiting orders of one paper account."""

    def __init__(self, market: MarketAccess, holdings: Holdings, maker_fill: MakerFill) -> None:
        """:param maker_fill: the estimate of the queue that counts."""
        self._market, self._holdings, self._maker_fill = market, holdings, maker_fill
        self._looked_ms: dict[str, int] = {}
        """exchange time of the last book of each pair that the queues were shown"""

    def read_tape(self, pair: str) -> None:
        """Use the prints and books since the last look; with no open order, start looking from here on."""
        orders = self._holdings.open_orders(pair)
        if not orders:
            _, self._holdings.cursors[pair] = self._market.prints(pair, None)
            return
        is_resting = any(order.stage == "resting" for order in orders)
        # a book older than the prints bounds the queues safely; a younger one would count prints twice
        books = self._market.books(pair, self._looked_ms.get(pair)) if is_resting else []
        if any(map(partial(_meets, orders), books)) and not self._market.is_open(pair):
            # quotes match nothing while trading is halted
            self._looked_ms[pair] = books[-1].stamp_ms or self._looked_ms.get(pair, 0)
            books = []
        bnb_rate = self._holdings.bnb_rate(pair)
        prints, self._holdings.cursors[pair] = self._market.prints(pair, self._holdings.cursors.get(pair))
        is_moved = bool(prints)
        for news in _in_order(prints, books):
            if isinstance(news, Print):
                self._print(orders, news, bnb_rate)
            else:
                is_moved |= self._see(orders, news, bnb_rate)
                self._looked_ms[pair] = news.stamp_ms or self._looked_ms.get(pair, 0)
        if is_moved:
            self._holdings.save(*orders)

    def _print(self, orders: list[PaperOrder], trade: Print, bnb_rate: float | None) -> None:
        """Trigger stops and fill resting orders by one print, in their priority; its amount fills once."""
        for order in orders:
            request = order.request
            if order.status != "open" or trade.time_ms < order.arrival_ms:
                continue
            if order.stage == "waiting":
                if not request.by_mark and is_beyond(request, trade.rate):
                    order.stage, order.trigger_rate = "arriving", trade.rate
            elif request.limit is not None and order.stage == "resting" and trade.side != request.side:
                sign = 1 if request.side == "buy" else -1
                if sign * trade.rate > sign * request.limit or not self._may_fill(order):
                    continue
                order.queue.use_print(
                    trade.amount,
                    order.resting,
                    trade.time_ms,
                    is_through=trade.rate != request.limit,
                    is_late=trade.time_ms <= self._looked_ms.get(request.pair, 0),
                )
                filled = self._book(order, trade.time_ms, bnb_rate)
                trade = trade._replace(amount=max(trade.amount - filled, 0.0))

    def _see(self, orders: list[PaperOrder], book: Book, bnb_rate: float | None) -> bool:
        """Show a book to the queues; return whether one of them has changed."""
        is_changed = False
        for order in orders:
            request = order.request
            if request.limit is None or order.stage != "resting" or book.time_ms < order.arrival_ms:
                continue
            if not self._may_fill(order):
                continue
            ledger, side = self._holdings.ledger(request.pair), request.side
            is_changed |= ledger.observe(side, book.taken_by(side), is_whole=book.is_whole(side))
            quotes = book.within(side, request.limit)
            crossing = math.fsum(amount for _, amount in quotes)
            untaken = ledger.untaken(side, quotes)
            left = math.fsum(amount for _, amount in untaken)
            # what this order took of the quotes is no less there for it
            own = min(order.queue.places[self._maker_fill].taken, crossing - left)
            displayed = book.displayed(side, request.limit)
            is_changed |= order.queue.look(displayed, left + own, order.resting, book.time_ms)
            if filled := self._book(order, book.time_ms, bnb_rate):
                ledger.take(side, walk(untaken, filled, side).fills)
        return is_changed

    def _may_fill(self, order: PaperOrder) -> bool:
        if order.status == "open":
            self._holdings.cut_to_position(order)
        return order.status == "open"

    def _book(self, order: PaperOrder, time_ms: int, bnb_rate: float | None) -> float:
        """Book what the chosen estimate has filled since; return it, in base units."""
        request = order.request
        place = order.queue.places[self._maker_fill]
        amount = min(place.filled - order.maker_amount, order.remaining)
        if request.limit is None or amount <= request.amount * DUST:
            return 0.0
        self._holdings.fill(order, amount, amount * request.limit, time_ms, bnb_rate, maker=True)
        return amount


def _meets(orders: Iterable[PaperOrder], book: Book) -> bool:
    """Return whether an opposite quote stands at or through the rate of a resting order."""
    resting = [order.request for order in orders if order.stage == "resting"]
    return any(r.limit is not None and bool(book.within(r.side, r.limit)) for r in resting)


def _in_order(prints: Iterable[Print], books: Iterable[Book]) -> Iterator[Print | Book]:
    """Merge by the exchange's time; a book without it comes last, and one follows the prints it contains."""
    return heapq.merge(
        prints, books, key=lambda news: news.time_ms if isinstance(news, Print) else news.stamp_ms or math.inf
    )


def is_beyond(request: OrderRequest, rate: float) -> bool:
    """Return whether a rate triggers a stop: the last trade's, as on Binance, or the mark price."""
    if request.stop_rate is None:
        return False
    return rate <= request.stop_rate if request.side == "sell" else rate >= request.stop_rate
