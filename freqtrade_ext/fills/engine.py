"""The paper exchange of one bot: takes its orders as the real one would, late and one after the other."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from threading import RLock

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.arrivals import Arrivals
from freqtrade_ext.fills.futures import Futures, Marks
from freqtrade_ext.fills.holdings import Holdings
from freqtrade_ext.fills.market import MarketAccess, Store
from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.fills.resting import Resting, is_beyond
from freqtrade_ext.settings import UNMEASURED_MS, Settings


class Engine:
    """
    The paper exchange of one bot.

    State changes only once all answers of the exchange are in, and is saved before a method returns: an
    error or a kill at any point leaves either the state before or the state after.
    """

    def __init__(self, market: MarketAccess, account: Account, settings: Settings, store: Store) -> None:
        self._market, self._settings = market, settings
        self._holdings = Holdings(market, account, settings, store)
        self._futures = Futures(market, account, self._holdings)
        self._resting = Resting(market, self._holdings, settings.maker_fill)
        self._arrivals = Arrivals(market, self._holdings, self._futures, self._resting)
        self._random = random.Random(settings.seed)
        self._lock = RLock()

    def submit(self, request: OrderRequest) -> PaperOrder:
        """
        Send an order to the exchange and wait for its answer.

        :raises OrderRejected: by a filter, post-only, or a stop that would trigger immediately.
        :raises BalanceTooLow: the free balance cannot pay for it.
        """
        with self._lock:
            decision_ms = self._market.now_ms()
            entry, response = self._latency_ms(), self._latency_ms()
            self._market.sleep_ms(entry)
            order = PaperOrder(
                request=request,
                decision_ms=decision_ms,
                arrival_ms=self._market.now_ms(),
                entry_latency_ms=entry,
                response_latency_ms=response,
            )
            if request.stop_rate is None:
                self._arrivals.arrive(order)
            else:
                self._arrivals.place_stop(order, request.stop_rate)
            self._holdings.save(order)
            self._market.sleep_ms(response)
            return order

    def poll(self, pair: str) -> None:
        """Bring the open orders of a pair up to date with everything printed since the last look."""
        with self._lock:
            self._resting.read_tape(pair)
            for order in self.open_orders(pair):
                # a stop that was triggered; the mark price moves on where trading is halted
                if order.stage == "arriving" and (not order.request.by_mark or self._market.is_open(pair)):
                    self._arrivals.arrive(order)
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
            if order.stage == "waiting" and request.by_mark and is_beyond(request, rate):
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
            self._market.sleep_ms(self._latency_ms())
            self.poll(order.request.pair)
            if order.status == "open":
                order.end("canceled", "canceled by the bot")
                self._holdings.save(order)
            self._market.sleep_ms(self._latency_ms())
            return order

    def find(self, order_id: str) -> PaperOrder | None:
        return self._holdings.find(order_id)

    def adopt(self, order: PaperOrder) -> None:
        """Take over an open order that stock freqtrade left behind; its place in the queue is unknown."""
        with self._lock:
            self._resting.read_tape(order.request.pair)
            order.stage = "resting" if order.request.stop_rate is None else "waiting"
            self._holdings.save(order)

    def drop(self, order: PaperOrder) -> None:
        """End an open order that belongs to no open trade any more."""
        with self._lock:
            order.end("canceled", "it belongs to no open trade")
            self._holdings.save(order)

    def take_back(self, order_ids: Iterable[str]) -> bool:
        """
        Undo what the orders of a deleted trade did to the account, as if there had never been any.

        :param order_ids: in the order in which they were placed; those of another engine are passed over.
        :return: whether any had done something.
        """
        with self._lock:
            known = [order for order_id in order_ids if (order := self._holdings.find(order_id))]
            done = [order for order in known if order.filled or order.status == "open"]
            for order in reversed(done):
                self._holdings.take_back(order)
            if done:
                self._holdings.save(*done)
            return bool(done)

    def fill_record(self, order_id: str) -> FillRecord | None:
        """Return what happened to an order; None for one this engine never had."""
        order = self._holdings.find(order_id)
        return None if order is None else order.record()

    def open_orders(self, pair: str | None = None) -> list[PaperOrder]:
        """Open orders in the exchange's priority: best rate first, then oldest."""
        with self._lock:
            return self._holdings.open_orders(pair)

    def balances(self) -> dict[str, tuple[float, float]]:
        """Return currency -> (free, total), in units of it, for each that the account has ever held."""
        with self._lock:
            return self._holdings.balances()

    def positions(self) -> dict[str, tuple[float, float, float]]:
        """Return pair -> (base units, negative when short; margin in quote units; leverage) on futures."""
        with self._lock:
            return self._holdings.positions()

    def _latency_ms(self) -> float:
        """Draw how long an order, or its answer, is on its way."""
        if not isinstance(self._settings.latency_ms, str):
            return self._random.uniform(*self._settings.latency_ms)
        trips = self._market.round_trips_ms()
        return self._random.choice(trips) / 2 if trips else self._random.uniform(*UNMEASURED_MS)
