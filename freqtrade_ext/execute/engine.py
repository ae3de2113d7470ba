"""Take orders as the exchange would: arrive late, walk the book, queue, fill in parts, pay fees."""

from __future__ import annotations

import logging
import math
import random
from functools import partial
from threading import RLock
from typing import Any

from freqtrade_ext.execute.account import Account, currencies
from freqtrade_ext.execute.book import Book, BuySell, Walk, walk
from freqtrade_ext.execute.fees import fee_for
from freqtrade_ext.execute.filters import Candidate, rejection
from freqtrade_ext.execute.ledger import Ledger
from freqtrade_ext.execute.market import Cursor, Market, Store
from freqtrade_ext.execute.orders import OrderRequest, PaperOrder
from freqtrade_ext.execute.resting import Print
from freqtrade_ext.settings import Settings

logger = logging.getLogger(__name__)


class OrderRejected(Exception):
    """The exchange would not accept the order; the message names the rule, the limit and the value."""


class BalanceTooLow(Exception):
    """The free balance cannot pay for the order."""


class Engine:
    """
    The paper exchange of one bot.

    State changes only after the answers of the exchange are in, and is saved before anybody is told: an
    error or a kill at any point leaves either the state before or the state after.
    """

    def __init__(self, market: Market, account: Account, settings: Settings, store: Store) -> None:
        self._market, self._account, self._settings, self._store = market, account, settings, store
        self._random = random.Random(settings.seed)
        self._lock = RLock()
        self._orders: dict[str, PaperOrder] = {}
        self._open: dict[str, PaperOrder] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._cursors: dict[str, Cursor] = {}
        for key, value in store.load().items():
            kind, _, name = key.partition("/")
            if kind == "account":
                account.restore(value)
            elif kind == "pair":
                self._ledgers[name] = Ledger.from_json(value["ledger"])
                if value["cursor"]:
                    self._cursors[name] = Cursor(value["cursor"][0], tuple(value["cursor"][1]))
            elif kind == "order":
                self._know(PaperOrder.from_json(value))

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
            self._save(order)
            self._market.sleep_ms(response)
            return order

    def poll(self, pair: str) -> None:
        """Bring the open orders of a pair up to date with everything printed since the last look."""
        with self._lock:
            self._read_tape(pair)
            for order in self.open_orders(pair):
                if order.stage == "arriving":  # a stop that was triggered
                    self._arrive(order)
                    self._save(order)

    def cancel(self, order_id: str) -> PaperOrder:
        """Cancel an order; what is filled until the cancel arrives stays filled."""
        with self._lock:
            order = self._orders[order_id]
            self._market.sleep_ms(self._random.uniform(*self._settings.latency_ms))
            self.poll(order.request.pair)
            if order.status == "open":
                order.end("canceled", "canceled by the bot")
                self._save(order)
            self._market.sleep_ms(self._random.uniform(*self._settings.latency_ms))
            return order

    def find(self, order_id: str) -> PaperOrder | None:
        return self._orders.get(order_id)

    def adopt(self, order: PaperOrder) -> None:
        """Take over an open order that stock freqtrade left behind; its place in the queue is unknown."""
        with self._lock:
            self._read_tape(order.request.pair)
            order.stage = "resting" if order.request.stop_rate is None else "waiting"
            self._save(order)

    def drop(self, order: PaperOrder) -> None:
        """End an open order that belongs to no open trade any more."""
        with self._lock:
            order.end("canceled", "it belongs to no open trade")
            self._save(order)

    def fill_record(self, order_id: str) -> dict[str, Any] | None:
        """Return what happened to an order (`PaperOrder.record`); None for one this engine never had."""
        order = self._orders.get(order_id)
        return None if order is None else order.record()

    def open_orders(self, pair: str | None = None) -> list[PaperOrder]:
        """Open orders in the exchange's priority: best rate first, then oldest."""
        orders = [o for o in self._open.values() if o.status == "open" and pair in (None, o.request.pair)]
        return sorted(orders, key=lambda o: (-_aggression(o.request), o.arrival_ms))

    def free(self, currency: str) -> float:
        """Balance that no open order and no position ties up, in units of the currency."""
        with self._lock:
            locked = sum(self._locked(o, currency) for o in self.open_orders())
            return self._account.total(currency) - locked - self._account.margin_in(currency)

    def total(self, currency: str) -> float:
        return self._account.total(currency)

    # -- taker ------------------------------------------------------------------------------------

    def _arrive(self, order: PaperOrder) -> None:
        """Let the order take what it may from the book as it is now; then rest, or end."""
        request = order.request
        book, result = self._look(order)
        self._check(request, book, result)
        may_rest = request.limit is not None and request.time_in_force in ("GTC", "PO")
        if may_rest and result.stopped:
            self._read_tape(request.pair)
        bnb_rate = self._bnb_rate(request.pair)
        # nothing is asked of the exchange from here on: a failure cannot leave half of it done
        ledger = self._ledger(request.pair)
        ledger.observe(request.side, book.taken_by(request.side), is_whole=book.is_whole(request.side))
        if request.time_in_force == "FOK" and result.stopped:
            order.end("expired", "fill or kill: " + _why(request, book, result))
            return
        ledger.take(request.side, result.fills)
        order.book_ms, order.book_id, order.levels = book.time_ms, book.update_id, len(result.fills)
        if result.fills:
            order.worst = result.worst
            self._fill(order, result.filled, result.cost, book.time_ms, bnb_rate, maker=False)
        if order.status != "open":
            return
        if may_rest and request.limit is not None:
            order.stage = "resting"
            order.queue.bound(book.displayed(request.side, request.limit))
        else:
            order.end("expired", _why(request, book, result))

    def _look(self, order: PaperOrder) -> tuple[Book, Walk]:
        """Walk the book, fetching it deeper only while the order needs more levels than were seen."""
        request = order.request
        ledger = self._ledger(request.pair)
        for depth in self._market.depths:
            book = self._market.book(request.pair, depth)
            levels = book.taken_by(request.side)
            result = walk(
                levels, order.remaining, request.side, request.limit, partial(ledger.left, request.side)
            )
            if result.stopped != "book end" or book.is_whole(request.side):
                break
        return book, result

    def _check(self, request: OrderRequest, book: Book, result: Walk) -> None:
        """Refuse what the exchange refuses on arrival; a stop was checked when it was placed."""
        if request.stop_rate is not None:
            return
        self._check_filters(request, book)
        if request.time_in_force == "PO" and result.filled:
            raise OrderRejected(
                f"Post-only: limit {request.limit} would take from {book.taken_by(request.side)[0][0]}"
            )
        self._check_balance(request, result.cost if request.limit is None else request.amount * request.limit)

    def _check_filters(self, request: OrderRequest, book: Book) -> None:
        rules = self._market.rules(request.pair)
        opposite = book.taken_by(request.side) or book.bids or book.asks
        candidate = Candidate(
            request.side,
            request.type == "market",
            round(request.amount / rules.contract_size, 12),  # 0.07 / 0.01 is no whole number of contracts
            request.limit,
            request.stop_rate,
            request.reduce_only,
        )
        average_rate = partial(self._market.average_rate, request.pair)
        if reason := rejection(candidate, rules.filters, opposite[0][0], average_rate):
            raise OrderRejected(reason)

    def _check_balance(self, request: OrderRequest, cost: float) -> None:
        """
        :param cost: quote units the order may take.
        :raises BalanceTooLow: naming what is needed and what is free.
        """
        currency, needed = self._needed(request, request.amount, cost)
        free = self.free(currency)
        # the last bits of a float are not worth an order
        if needed > free * (1 + 1e-9):
            raise BalanceTooLow(f"{request.side} needs {needed:.8f} {currency}, free are {free:.8f}")

    def _needed(self, request: OrderRequest, amount: float, cost: float) -> tuple[str, float]:
        """Return (currency, units of it) that the order ties up for an amount and its cost."""
        base, quote = currencies(request.pair)
        if request.reduce_only:
            return quote, 0.0  # it only frees margin
        if request.side == "sell" and not self._account.is_futures:
            return base, amount
        if not self._account.is_futures and self._settings.fee_asset != "quote":
            return quote, cost
        return quote, cost / request.leverage + cost * self._market.rules(request.pair).taker

    # -- maker ------------------------------------------------------------------------------------

    def _place_stop(self, order: PaperOrder, stop_rate: float) -> None:
        """:raises OrderRejected: where the last trade is already beyond the stop, as on Binance."""
        request = order.request
        self._check_filters(request, self._market.book(request.pair, self._market.depths[0]))
        self._check_balance(request, request.amount * _worst_rate(request))
        last, _ = self._market.prints(request.pair, None)
        if last and _is_beyond(stop_rate, request.side, last[-1]):
            raise OrderRejected(f"Stop {stop_rate} would trigger immediately: last rate {last[-1].rate}")
        self._read_tape(request.pair)
        order.stage = "waiting"

    def _read_tape(self, pair: str) -> None:
        """Use the prints since the last look; with no open order, start looking from here on."""
        orders = self.open_orders(pair)
        if not orders:
            _, self._cursors[pair] = self._market.prints(pair, None)
            return
        # a book older than the prints bounds the queues safely; a younger one would count prints twice
        is_expected = self._settings.maker_fill == "expected"
        book = self._market.book(pair, self._market.depths[0]) if is_expected else None
        bnb_rate = self._bnb_rate(pair)
        prints, self._cursors[pair] = self._market.prints(pair, self._cursors.get(pair))
        for trade in prints:
            self._print(orders, trade, bnb_rate)
        is_moved = bool(prints)
        for order in orders:
            limit = order.request.limit
            if book is not None and order.stage == "resting" and limit is not None:
                is_moved |= order.queue.bound(book.displayed(order.request.side, limit))
        if is_moved:
            self._save(*orders)

    def _print(self, orders: list[PaperOrder], trade: Print, bnb_rate: float | None) -> None:
        """Let one print trigger stops and fill resting orders, in their priority, from its amount once."""
        for order in orders:
            request = order.request
            if order.status != "open" or trade.time_ms < order.arrival_ms:
                continue
            if order.stage == "waiting":
                if request.stop_rate is not None and _is_beyond(request.stop_rate, request.side, trade):
                    order.stage = "arriving"
            elif order.stage == "resting" and request.limit is not None:
                amount = order.queue.fill(
                    request.side, request.limit, order.remaining, trade, self._settings.maker_fill
                )
                if amount > 0:
                    trade = trade._replace(amount=trade.amount - amount)
                    self._fill(order, amount, amount * request.limit, trade.time_ms, bnb_rate, maker=True)

    # -- books ------------------------------------------------------------------------------------

    def _bnb_rate(self, pair: str) -> float | None:
        """Quote units per BNB; None where fees are not paid in it, or the rate is unknown."""
        return self._market.bnb_rate(currencies(pair)[1]) if self._settings.fee_asset == "bnb" else None

    def _fill(
        self,
        order: PaperOrder,
        amount: float,
        cost: float,
        time_ms: int,
        bnb_rate: float | None,
        *,
        maker: bool,
    ) -> None:
        request = order.request
        rules = self._market.rules(request.pair)
        base, quote = currencies(request.pair)
        in_bnb = self._settings.fee_asset == "bnb"
        order.add_fill(amount, cost, time_ms, maker=maker)
        self._account.trade(request.pair, request.side, amount, cost, request.leverage)
        fee = fee_for(
            request.side,
            amount,
            cost,
            rules.maker if maker else rules.taker,
            base,
            quote,
            "quote" if self._account.is_futures and not in_bnb else self._settings.fee_asset,
            bnb_rate=bnb_rate,
            bnb_free=self.free("BNB") if in_bnb else 0.0,
            bnb_discount=self._settings.bnb_discount,
        )
        order.add_fee(fee)
        self._account.pay(fee)
        logger.debug("%s: %s %s for %s, fee %s", request.pair, request.side, amount, cost, fee)

    def _ledger(self, pair: str) -> Ledger:
        return self._ledgers.setdefault(pair, Ledger())

    def _locked(self, order: PaperOrder, currency: str) -> float:
        """What an open order ties up of a currency."""
        request, left = order.request, order.remaining
        locked_currency, needed = self._needed(request, left, left * _worst_rate(request))
        return needed if locked_currency == currency else 0.0

    def _know(self, order: PaperOrder) -> None:
        order_id = order.request.id
        self._orders[order_id] = order
        if order.status == "open":
            self._open[order_id] = order
        else:
            self._open.pop(order_id, None)

    def _save(self, *orders: PaperOrder) -> None:
        values: dict[str, Any] = {"account": self._account.to_json()}
        for order in orders:
            pair = order.request.pair
            self._know(order)
            values[f"order/{order.request.id}"] = order.to_json()
            values[f"pair/{pair}"] = {
                "ledger": self._ledger(pair).to_json(),
                "cursor": self._cursors.get(pair),
            }
        self._store.save(values)


def _aggression(request: OrderRequest) -> float:
    """Order by how good the rate is for the other side."""
    if request.limit is None:
        return math.inf
    return request.limit if request.side == "buy" else -request.limit


def _worst_rate(request: OrderRequest) -> float:
    """Rate that an order which waits is paid for by; a stop-market order may turn out worse."""
    rate = request.limit if request.limit is not None else request.stop_rate
    return request.decision_rate if rate is None else rate


def _is_beyond(stop_rate: float, side: BuySell, trade: Print) -> bool:
    """Stops trigger on the last trade's rate, as Binance's do."""
    return trade.rate <= stop_rate if side == "sell" else trade.rate >= stop_rate


def _why(request: OrderRequest, book: Book, result: Walk) -> str:
    """Say why an order was not filled completely."""
    if result.stopped == "limit":
        return f"no more within the limit {request.limit}"
    seen = len(book.taken_by(request.side))
    ended = book.is_whole(request.side)
    return (
        f"the order book ended after {seen} levels" if ended else f"unknown beyond the {seen} levels fetched"
    )
