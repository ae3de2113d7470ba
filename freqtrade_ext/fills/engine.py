"""Take orders as the exchange would: arrive late, walk the book, queue, fill in parts, pay fees."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable, Iterator
from functools import partial
from threading import RLock

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.book import DUST, Book, Walk, walk
from freqtrade_ext.fills.filters import Candidate, rejection
from freqtrade_ext.fills.futures import Futures, Marks
from freqtrade_ext.fills.holdings import Holdings, worst_rate
from freqtrade_ext.fills.market import MarketAccess, Store
from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.fills.stock import stock_average
from freqtrade_ext.settings import Settings


class OrderRejected(Exception):
    """The exchange would not accept the order; the message names the rule, the limit and the value."""


class Engine:
    """
    The paper exchange of one bot.

    State changes only after the answers of the exchange are in, and is saved before anybody is told: an
    error or a kill at any point leaves either the state before or the state after.
    """

    def __init__(self, market: MarketAccess, account: Account, settings: Settings, store: Store) -> None:
        self._market, self._settings = market, settings
        self._holdings = Holdings(market, account, settings, store)
        self._futures = Futures(market, account, self._holdings)
        self._random = random.Random(settings.seed)
        self._looked_ms: dict[str, int] = {}
        """exchange time of the last book of each pair that the queues were shown"""
        self._lock = RLock()

    # -- what the bot calls ---------------------------------------------------------------------

    def submit(self, request: OrderRequest) -> PaperOrder:
        """
        Send an order to the exchange and wait for its answer.

        :raises OrderRejected: by a filter, post-only, or a stop that would trigger immediately.
        :raises BalanceTooLow: the free balance cannot pay for it.
        """
        with self._lock:
            decision_ms = self._market.now_ms()
            entry, response = (self._random.uniform(*self._settings.latency_ms) for _ in range(2))
            self._market.sleep_ms(entry)
            order = PaperOrder(
                request=request,
                decision_ms=decision_ms,
                arrival_ms=self._market.now_ms(),
                entry_latency_ms=entry,
                response_latency_ms=response,
            )
            if request.stop_rate is None:
                self._arrive(order)
            else:
                self._place_stop(order, request.stop_rate)
            self._holdings.save(order)
            self._market.sleep_ms(response)
            return order

    def poll(self, pair: str) -> None:
        """Bring the open orders of a pair up to date with everything printed since the last look."""
        with self._lock:
            self._read_tape(pair)
            for order in self.open_orders(pair):
                if order.stage == "arriving":  # a stop that was triggered
                    self._arrive(order)
                    self._holdings.save(order)

    def guard(self) -> None:
        """Do what the exchange does by itself to futures: funding, stops of the mark price, liquidation."""
        with self._lock:
            for pair in self._futures.pairs():
                self._futures.settle(pair)
                if marks := self._futures.look(pair):
                    self._mark_moved(pair, marks)

    def _mark_moved(self, pair: str, marks: Marks) -> None:
        """:param marks: how far the mark price went since the last look."""
        low, high, _ = marks
        for order in self.open_orders(pair):
            request, rate = order.request, low if order.request.side == "sell" else high
            if order.stage == "waiting" and request.by_mark and _is_beyond(request, rate):
                order.stage, order.trigger_rate = "arriving", request.stop_rate
        # stops are nearer than the liquidation
        self.poll(pair)
        if pair in self._futures.held() and self._futures.is_beyond(pair, marks):
            self._futures.liquidate(pair, marks)

    def funding(self, pair: str, after_ms: int, until_ms: float = math.inf) -> float:
        """Return what a pair's position received in a time, quote units, negative where it paid."""
        with self._lock:
            return self._futures.received(pair, after_ms, until_ms)

    def settle(self, pair: str) -> None:
        """Pay and receive the funding of a pair that is due by now, as far as its rate is known."""
        with self._lock:
            self._futures.settle(pair, at_once=True)

    def liquidations(self, pair: str, after_ms: int) -> list[PaperOrder]:
        """Return the orders with which the exchange closed positions of a pair since a time."""
        with self._lock:
            orders = self._holdings.liquidations.values()
            return [o for o in orders if o.request.pair == pair and o.arrival_ms >= after_ms]

    def cancel(self, order_id: str) -> PaperOrder:
        """Cancel an order; what is filled until the cancel arrives stays filled."""
        with self._lock:
            order = self._holdings.find(order_id)
            if order is None:
                raise KeyError(order_id)
            self._market.sleep_ms(self._random.uniform(*self._settings.latency_ms))
            self.poll(order.request.pair)
            if order.status == "open":
                order.end("canceled", "canceled by the bot")
                self._holdings.save(order)
            self._market.sleep_ms(self._random.uniform(*self._settings.latency_ms))
            return order

    def find(self, order_id: str) -> PaperOrder | None:
        return self._holdings.find(order_id)

    def adopt(self, order: PaperOrder) -> None:
        """Take over an open order that stock freqtrade left behind; its place in the queue is unknown."""
        with self._lock:
            self._read_tape(order.request.pair)
            order.stage = "resting" if order.request.stop_rate is None else "waiting"
            self._holdings.save(order)

    def drop(self, order: PaperOrder) -> None:
        """End an open order that belongs to no open trade any more."""
        with self._lock:
            order.end("canceled", "it belongs to no open trade")
            self._holdings.save(order)

    def take_back(self, order_ids: Iterable[str]) -> None:
        """
        Undo what the orders of a deleted trade did to the account, as if there had never been any.

        :param order_ids: in the order in which they were placed; those of another engine are passed over.
        """
        with self._lock:
            known = [order for order_id in order_ids if (order := self._holdings.find(order_id))]
            for order in reversed(known):
                self._holdings.take_back(order)
            if known:
                self._holdings.save(*known)

    def fill_record(self, order_id: str) -> FillRecord | None:
        """Return what happened to an order; None for one this engine never had."""
        order = self._holdings.find(order_id)
        return None if order is None else order.record()

    def open_orders(self, pair: str | None = None) -> list[PaperOrder]:
        """Open orders in the exchange's priority: best rate first, then oldest."""
        with self._lock:
            return self._holdings.open_orders(pair)

    def free(self, currency: str) -> float:
        """Balance that no open order and no position ties up, in units of the currency."""
        with self._lock:
            return self._holdings.free(currency)

    def total(self, currency: str) -> float:
        return self._holdings.total(currency)

    def balances(self) -> dict[str, tuple[float, float]]:
        """Return currency -> (free, total), in units of it, for each that the account has ever held."""
        with self._lock:
            return self._holdings.balances()

    def positions(self) -> dict[str, tuple[float, float, float]]:
        """Return pair -> (base units, negative when short; margin in quote units; leverage) on futures."""
        with self._lock:
            return self._holdings.positions()

    # -- taker ------------------------------------------------------------------------------------

    def _arrive(self, order: PaperOrder) -> None:
        """Let the order take what it may from the book as it is now; then rest, or end."""
        self._holdings.cut_to_position(order)
        request = order.request
        if order.status != "open":
            if request.stop_rate is None:
                raise OrderRejected(order.reason)
            return
        book, result = self._look(order)
        self._check(request, book, result)
        result = result.within(*self._market.execution_range(request.pair, request.side))
        may_rest = request.limit is not None and request.time_in_force in ("GTC", "PO")
        may_rest = may_rest and result.stopped != "price range"
        if may_rest and result.stopped:
            self._read_tape(request.pair)
        bnb_rate = self._holdings.bnb_rate(request.pair)
        # nothing is asked of the exchange from here on: a failure cannot leave half of it done
        ledger = self._holdings.ledger(request.pair)
        ledger.observe(request.side, book.taken_by(request.side), is_whole=book.is_whole(request.side))
        if request.time_in_force == "FOK" and result.stopped:
            order.end("expired", "fill or kill: " + _why(request, book, result))
            return
        ledger.take(request.side, result.fills)
        result = _since_trigger(order, result)
        order.book_ms, order.book_stamp_ms, order.book_id = book.time_ms, book.stamp_ms, book.update_id
        order.levels = len(result.fills)
        order.stock_average = _stock_claim(request, book)
        if result.fills:
            order.worst = result.worst
            self._holdings.fill(order, result.filled, result.cost, book.time_ms, bnb_rate, maker=False)
        if order.status != "open":
            return
        if may_rest and request.limit is not None:
            order.stage = "resting"
            order.queue.look(book.displayed(request.side, request.limit), 0.0, order.resting, book.time_ms)
        else:
            order.end("expired", _why(request, book, result))

    def _look(self, order: PaperOrder) -> tuple[Book, Walk]:
        """Walk the book, fetching it deeper only while the order needs more levels than were seen."""
        request = order.request
        ledger = self._holdings.ledger(request.pair)
        for depth in self._market.depths:
            book = self._market.book(request.pair, depth)
            levels = ledger.untaken(request.side, book.taken_by(request.side))
            result = walk(levels, order.remaining, request.side, request.limit)
            if result.stopped != "book end" or book.is_whole(request.side):
                break
        return book, result

    def _check(self, request: OrderRequest, book: Book, result: Walk) -> None:
        """Refuse what the exchange refuses on arrival; a stop was checked when it was placed."""
        if request.stop_rate is not None:
            return
        self._check_filters(request, book)
        if reason := self._futures.refusal(
            request, result.average if result.filled else request.decision_rate
        ):
            raise OrderRejected(reason)
        if request.time_in_force == "PO" and result.filled:
            raise OrderRejected(
                f"Post-only: limit {request.limit} would take from {book.taken_by(request.side)[0][0]}"
            )
        self._holdings.check_balance(
            request, result.cost if request.limit is None else request.amount * request.limit
        )

    def _check_filters(self, request: OrderRequest, book: Book) -> None:
        rules = self._market.rules(request.pair)
        if not self._market.is_open(request.pair):
            raise OrderRejected("Market is closed")
        opposite = book.taken_by(request.side) or book.bids or book.asks
        others = self._holdings.open_orders(request.pair)
        candidate = Candidate(
            request.side,
            request.type == "market",
            round(request.amount / rules.contract_size, 12),  # 0.07 / 0.01 is no whole number of contracts
            request.limit,
            request.stop_rate,
            request.reduce_only,
            len(others),
            sum(other.stage == "waiting" for other in others),
            self._holdings.position_with_buys(request.pair),
        )
        average_rate = partial(self._market.average_rate, request.pair)
        if reason := rejection(candidate, rules.filters, opposite[0][0], average_rate):
            raise OrderRejected(reason)

    # -- maker ------------------------------------------------------------------------------------

    def _place_stop(self, order: PaperOrder, stop_rate: float) -> None:
        """:raises OrderRejected: where the last trade is already beyond the stop, as on Binance."""
        request = order.request
        self._check_filters(request, self._market.book(request.pair, self._market.depths[0]))
        self._holdings.check_balance(request, request.amount * worst_rate(request))
        rate = self._trigger_rate(request)
        if rate is not None and _is_beyond(request, rate):
            name = "mark price" if request.by_mark else "last rate"
            raise OrderRejected(f"Stop {stop_rate} would trigger immediately: {name} {rate}")
        self._read_tape(request.pair)
        order.stage = "waiting"

    def _trigger_rate(self, request: OrderRequest) -> float | None:
        """Return the rate now that a stop waits for; None where there is none yet."""
        if request.by_mark:
            marks = self._market.marks(request.pair, self._market.now_ms())
            return marks[-1].close if marks else None
        last, _ = self._market.prints(request.pair, None)
        return last[-1].rate if last else None

    def _read_tape(self, pair: str) -> None:
        """Use the prints and books since the last look; with no open order, start looking from here on."""
        orders = self._holdings.open_orders(pair)
        if not orders:
            _, self._holdings.cursors[pair] = self._market.prints(pair, None)
            return
        is_resting = any(order.stage == "resting" for order in orders)
        # a book older than the prints bounds the queues safely; a younger one would count prints twice
        books = self._market.books(pair, self._looked_ms.get(pair)) if is_resting else []
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
        """Let one print trigger stops and fill resting orders, in their priority, from its amount once."""
        for order in orders:
            request = order.request
            if order.status != "open" or trade.time_ms < order.arrival_ms:
                continue
            if order.stage == "waiting":
                if not request.by_mark and _is_beyond(request, trade.rate):
                    order.stage, order.trigger_rate = "arriving", trade.rate
            elif request.limit is not None and order.stage == "resting" and trade.side != request.side:
                sign = 1 if request.side == "buy" else -1
                if sign * trade.rate > sign * request.limit or not self._may_fill(order):
                    continue
                order.queue.use_print(
                    trade.amount, order.resting, trade.time_ms, is_through=trade.rate != request.limit
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
            own = min(order.queue.places[self._settings.maker_fill].taken, crossing - left)
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
        place = order.queue.places[self._settings.maker_fill]
        amount = min(place.filled - order.maker_amount, order.remaining)
        if request.limit is None or amount <= request.amount * DUST:
            return 0.0
        self._holdings.fill(order, amount, amount * request.limit, time_ms, bnb_rate, maker=True)
        return amount


def _in_order(prints: Iterable[Print], books: Iterable[Book]) -> Iterator[Print | Book]:
    """Merge by the exchange's time; a book without it comes last, and one follows the prints it contains."""
    return heapq.merge(
        prints, books, key=lambda news: news.time_ms if isinstance(news, Print) else news.stamp_ms or math.inf
    )


def _is_beyond(request: OrderRequest, rate: float) -> bool:
    """Return whether a rate triggers a stop: the last trade's, as on Binance, or the mark price."""
    if request.stop_rate is None:
        return False
    return rate <= request.stop_rate if request.side == "sell" else rate >= request.stop_rate


def _stock_claim(request: OrderRequest, book: Book) -> float | None:
    """Return the average that stock freqtrade would claim on this book, of market orders only."""
    levels = book.taken_by(request.side)
    if request.type != "market" or not levels:
        return None
    return stock_average(levels, request.amount, request.side, request.decision_rate)


def _since_trigger(order: PaperOrder, result: Walk) -> Walk:
    """
    Let a stop gain nothing by the time between its trigger and our look at the book.

    At the exchange it met the book of that moment, of which the triggering trade shows the best: the rate
    may have come back since, by a lot where the bot was down meanwhile.
    """
    rate, limit, side = order.trigger_rate, order.request.limit, order.request.side
    if rate is None:
        return result
    if limit is not None:
        rate = min(rate, limit) if side == "buy" else max(rate, limit)
    return result.no_better_than(rate, side)


def _why(request: OrderRequest, book: Book, result: Walk) -> str:
    """Say why an order was not filled completely."""
    if result.stopped == "price range":
        return "EXECUTION_RULE_PRICE_RANGE_EXCEEDED: the rest lies outside the exchange's price range"
    if result.stopped == "limit":
        return f"no more within the limit {request.limit}"
    seen = len(book.taken_by(request.side))
    ended = book.is_whole(request.side)
    return (
        f"the order book ended after {seen} levels" if ended else f"unknown beyond the {seen} levels fetched"
    )
