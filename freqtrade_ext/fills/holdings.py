"""What the paper exchange holds for the bot: its account, its orders, and what they took from the books."""

from __future__ import annotations

import logging
import math
from dataclasses import astuple, replace
from typing import Any

from freqtrade_ext.fills.account import Account, currencies
from freqtrade_ext.fills.book import opposite
from freqtrade_ext.fills.fees import Fee, fee_for
from freqtrade_ext.fills.margin import MarkCandle, MarkLook
from freqtrade_ext.fills.market import Cursor, MarketAccess, Store
from freqtrade_ext.fills.orders import LIQUIDATION, OrderRequest, PaperOrder
from freqtrade_ext.fills.taken import Ledger
from freqtrade_ext.settings import Settings

logger = logging.getLogger(__name__)

ENDED_KEPT = 100
"""ended orders kept in memory; more at a start on a database that does not mark ended ones"""


class BalanceTooLow(Exception):
    """The free balance cannot pay for the order."""


class Holdings:
    """The one place of the paper exchange's state; `save` writes all that changed at once."""

    def __init__(self, market: MarketAccess, account: Account, settings: Settings, store: Store) -> None:
        self._market, self._account, self._settings, self._store = market, account, settings, store
        self.cursors: dict[str, Cursor] = {}
        """how far each pair's tape was read"""
        self.looks: dict[str, MarkLook] = {}
        """how far each pair's mark price was looked at"""
        self._open: dict[str, PaperOrder] = {}
        self._ended: dict[str, PaperOrder] = {}
        """the last few, by id; the others are read from the store where asked for"""
        self.liquidations: dict[str, PaperOrder] = {}
        """all there ever were, by id; they are few, and freqtrade asks for them later"""
        self._ledgers: dict[str, Ledger] = {}
        self._without_bnb: set[str] = set()
        for key, value in store.load().items():
            kind, _, name = key.partition("/")
            if kind == "account":
                account.restore(value)
            elif kind == "pair":
                self._ledgers[name] = Ledger.from_json(value["ledger"])
                if value["cursor"]:
                    self.cursors[name] = Cursor(value["cursor"][0], tuple(value["cursor"][1]))
            elif kind == "look":
                self.looks[name] = MarkLook(value and MarkCandle(*value))
            elif kind == "order":
                self._know(PaperOrder.from_json(value))

    def save(self, *orders: PaperOrder) -> None:
        """Write the account, these orders and their pairs."""
        values: dict[str, Any] = {"account": self._account.to_json()}
        for pair, look in self.looks.items():
            values[f"look/{pair}"] = look.candle and astuple(look.candle)
        for order in orders:
            pair = order.request.pair
            self._know(order)
            values[f"order/{order.request.id}"] = order.to_json()
            values["open"] = [*self._open, *self.liquidations]
            values[f"pair/{pair}"] = {
                "ledger": self.ledger(pair).to_json(),
                "cursor": self.cursors.get(pair),
            }
        while len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        self._store.save(values)

    def _know(self, order: PaperOrder) -> None:
        order_id = order.request.id
        if order.status == "open":
            self._open[order_id] = order
            return
        self._open.pop(order_id, None)
        self._ended[order_id] = order
        if order_id.startswith(LIQUIDATION):
            self.liquidations[order_id] = order

    def find(self, order_id: str) -> PaperOrder | None:
        """Return an order, open or ended; None for one this account never had."""
        known = self._open.get(order_id) or self._ended.get(order_id)
        if known is None and (stored := self._store.find(f"order/{order_id}")) is not None:
            known = PaperOrder.from_json(stored)
        return known

    def ledger(self, pair: str) -> Ledger:
        return self._ledgers.setdefault(pair, Ledger())

    def open_orders(self, pair: str | None = None) -> list[PaperOrder]:
        """Open orders in the exchange's priority: best rate first, then oldest."""
        orders = [o for o in self._open.values() if o.status == "open" and pair in (None, o.request.pair)]
        return sorted(orders, key=lambda o: (-_aggression(o.request), o.arrival_ms))

    def free(self, currency: str) -> float:
        """Balance that no open order and no position ties up, in units of the currency."""
        locked = sum(self._locked(o, currency) for o in self.open_orders())
        return self._account.total(currency) - locked - self._account.margin_in(currency)

    def balances(self) -> dict[str, tuple[float, float]]:
        """Return currency -> (free, total), in units of it, for each that the account has ever held."""
        held = {**self._account.start, **self._account.moved}
        return {currency: (self.free(currency), self._account.total(currency)) for currency in held}

    def positions(self) -> dict[str, tuple[float, float, float]]:
        """Return pair -> (base units, negative when short; margin in quote units; leverage) on futures."""
        account = self._account
        return {
            pair: (float(amount), float(abs(cost)) / account.leverage[pair], account.leverage[pair])
            for pair, (amount, cost) in account.positions.items()
        }

    def position_with_buys(self, pair: str) -> float:
        """Base units that the account has, and that its open orders buy."""
        bought = sum(o.remaining for o in self.open_orders(pair) if o.request.side == "buy")
        return self._account.total(currencies(pair)[0]) + bought

    def _locked(self, order: PaperOrder, currency: str) -> float:
        """Return what an open order ties up, in units of the currency."""
        request, left = order.request, order.remaining
        locked_currency, needed = self._needed(request, left, left * worst_rate(request))
        return needed if locked_currency == currency else 0.0

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

    def check_balance(self, request: OrderRequest, cost: float) -> None:
        """
        :param cost: quote units the order may take.
        :raises BalanceTooLow: naming what is needed and what is free.
        """
        currency, needed = self._needed(request, request.amount, cost)
        free = self.free(currency)
        # the last bits of a float are not worth an order
        if needed > free * (1 + 1e-9):
            raise BalanceTooLow(f"{request.side} needs {needed:.8f} {currency}, free are {free:.8f}")

    def cut_to_position(self, order: PaperOrder) -> None:
        """Cut a reduce-only order to the position: a stop keeps its amount when a target sells a part."""
        request = order.request
        if not request.reduce_only:
            return
        position, _ = self._account.positions.get(request.pair, (0, 0))
        held = float(position if request.side == "sell" else -position)
        if held <= 0:
            order.end("expired", "reduce-only, and there is no position to reduce")
        elif held < order.remaining:
            order.request = replace(request, amount=order.filled + held)

    def last_fill_ms(self, pair: str) -> int:
        """Return when an order of the pair was last filled; now, where none of this engine's ever was."""
        orders = (*self._open.values(), *self._ended.values())
        fills = [o.last_fill_ms for o in orders if o.request.pair == pair and o.last_fill_ms]
        return max(fills, default=self._market.now_ms())

    def bnb_rate(self, pair: str) -> float | None:
        """Quote units per BNB; None where fees are not paid in it, or the rate is unknown."""
        if self._settings.fee_asset != "bnb":
            return None
        quote = currencies(pair)[1]
        rate = self._market.bnb_rate(quote)
        if rate is not None:
            self._without_bnb.discard(quote)
        elif quote not in self._without_bnb:
            self._without_bnb.add(quote)
            logger.warning("The rate of BNB in %s is unknown: fees are paid in the asset received", quote)
        return rate

    def fill(
        self,
        order: PaperOrder,
        amount: float,
        cost: float,
        time_ms: int,
        bnb_rate: float | None,
        *,
        maker: bool,
        fee: Fee | None = None,
    ) -> None:
        """
        Book one execution of `amount` base units for `cost` quote units, and its fee.

        :param fee: where it is another than the usual one.
        """
        request = order.request
        rules = self._market.rules(request.pair)
        base, quote = currencies(request.pair)
        in_bnb = self._settings.fee_asset == "bnb"
        order.add_fill(amount, cost, time_ms, maker=maker)
        if request.pair not in self._account.positions:
            # what the mark price did before is nothing to a position that is opened now
            self.looks[request.pair] = MarkLook()
        self._account.trade(request.pair, request.side, amount, cost, request.leverage, time_ms)
        fee = fee or fee_for(
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

    def take_back(self, order: PaperOrder) -> None:
        """Undo what an order did to the account, and end it where it is open."""
        request = order.request
        if order.status == "open":
            order.end("canceled", "its trade was deleted")
        self._account.trade(request.pair, opposite(request.side), order.filled, order.cost, request.leverage)
        for currency, cost in order.fees.items():
            self._account.pay(Fee(currency, -cost, 0.0))
        order.forget_fills()


def _aggression(request: OrderRequest) -> float:
    """Order by how good the rate is for the other side."""
    if request.limit is None:
        return math.inf
    return request.limit if request.side == "buy" else -request.limit


def worst_rate(request: OrderRequest) -> float:
    """Rate that an order which waits is paid for by; a stop-market order may turn out worse."""
    rate = request.limit if request.limit is not None else request.stop_rate
    return request.decision_rate if rate is None else rate
