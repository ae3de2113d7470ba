"""Binance's signed endpoints for the one test account (rest-api.md of its API documentation)."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from freqtrade_ext.replica.account import COMMISSION_PARTS, Balances
from freqtrade_ext.replica.errors import ApiError, missing
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import E8, to_text
from freqtrade_ext.replica.happenings import BuySell
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.orders import MARKET_TYPES, STOP_TYPES, Order
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.rest import Route
from freqtrade_ext.replica.symbols import ORDER_TYPES

API_KEY = "replica-key"
API_SECRET = "replica-secret"
"""of the test account; worth nothing anywhere else"""
_SIGNATURE = re.compile(r"&?signature=([^&]*)")
_DEFAULT_WINDOW_MS = 5000
_AHEAD_MS = 1000


def authenticate(exchange: Exchange, key: str | None, signed_text: str, params: Params) -> None:
    """
    Check key, signature and time of a signed request.

    :param signed_text: query string followed by the body, as they came.
    :raises ApiError: -2014, -2015, -1022 or -1021.
    """
    if not key:
        raise ApiError(-2014, "API-key format invalid.", 401)
    if key != API_KEY:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    payload = _SIGNATURE.sub("", signed_text)
    expected = hmac.new(API_SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), params.text("signature").lower().encode()):
        raise ApiError(-1022, "Signature for this request is not valid.")
    sent_ms, window_ms = params.integer("timestamp"), params.integer("recvWindow")
    if sent_ms is None:
        raise missing("timestamp")
    now_ms = exchange.now_ms()
    if sent_ms >= now_ms + _AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - sent_ms > (_DEFAULT_WINDOW_MS if window_ms is None else window_ms):
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


class Private:
    """Answers of the signed endpoints."""

    def __init__(self, exchange: Exchange, account: Balances) -> None:
        self._exchange = exchange
        self._account = account

    def account(self, params: Params) -> Any:
        fee = E8 // COMMISSION_PARTS
        return {
            "makerCommission": fee // 10_000,
            "takerCommission": fee // 10_000,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": to_text(fee),
                "taker": to_text(fee),
                "buyer": to_text(0),
                "seller": to_text(0),
            },
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._exchange.now_ms(),
            "accountType": "SPOT",
            "balances": self._account.balances(),
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def new_order(self, params: Params) -> Any:
        market, order = self._read_order(params)
        self._account.check(market, order)
        self._account.next_id += 1
        self._account.place(market, order)
        kind = "FULL" if order.type in ("MARKET", "LIMIT") else "ACK"
        return order.answer(params.text("newOrderRespType") if "newOrderRespType" in params else kind)

    def _read_order(self, params: Params) -> tuple[Market, Order]:
        market = params.market()
        side: BuySell = (
            "buy" if _choice(params, "side", -1117, "Invalid side.", "BUY", "SELL") == "BUY" else "sell"
        )
        kind = _choice(params, "type", -1116, "Invalid orderType.", *ORDER_TYPES)
        takes_force = kind in ("LIMIT", "STOP_LOSS_LIMIT")
        if not takes_force and "timeInForce" in params:
            raise ApiError(-1106, "Parameter 'timeInForce' sent when not required.")
        now_ms, order_id = self._exchange.now_ms(), self._account.next_id
        order = Order(
            id=order_id,
            client_id=params.text("newClientOrderId")
            if "newClientOrderId" in params
            else f"replica{order_id}",
            symbol=market.symbol.name,
            side=side,
            type=kind,
            time_in_force=_choice(params, "timeInForce", -1115, "Invalid timeInForce.", "GTC", "IOC", "FOK")
            if takes_force
            else "GTC",
            amount=params.fixed("quantity"),
            rate=0 if kind in MARKET_TYPES else params.fixed("price"),
            stop_rate=params.fixed("stopPrice") if kind in STOP_TYPES else 0,
            placed_ms=now_ms,
            updated_ms=now_ms,
            rises_to_stop=side == "buy",
        )
        if any(order.client_id == o.client_id for o in self._account.open_orders(order.symbol)):
            raise ApiError(-2010, "Duplicate order sent.")
        return market, order

    def query_order(self, params: Params) -> Any:
        order = self._find(params, self._account.orders.values())
        if order is None:
            raise ApiError(-2013, "Order does not exist.")
        return order.query()

    def cancel_order(self, params: Params) -> Any:
        market = params.market()
        order = self._find(params, self._account.open_orders())
        if order is None:
            raise ApiError(-2011, "Unknown order sent.")
        self._account.cancel(market, order, self._exchange.now_ms())
        return order.cancelled(f"cancel{order.id}")

    def open_orders(self, params: Params) -> Any:
        symbol = params.market().symbol.name if "symbol" in params else None
        return [order.query() for order in self._account.open_orders(symbol)]

    def all_orders(self, params: Params) -> Any:
        chosen = [o for o in self._of_symbol(params) if o.id >= (params.integer("orderId") or 0)]
        chosen = [o for o in chosen if _within(params, o.placed_ms)]
        first = params.integer("orderId") is not None or params.integer("startTime") is not None
        limit = params.limit(500, 1000)
        return [order.query() for order in (chosen[:limit] if first else chosen[-limit:])]

    def my_trades(self, params: Params) -> Any:
        order_id, from_id = params.integer("orderId"), params.integer("fromId") or 0
        trades = [
            trade
            for order in self._of_symbol(params)
            if order_id in (None, order.id)
            for trade in order.trades()
            if trade["id"] >= from_id and _within(params, trade["time"])
        ]
        trades.sort(key=lambda trade: trade["id"])
        limit = params.limit(500, 1000)
        first = from_id or params.integer("startTime") is not None
        return trades[:limit] if first else trades[-limit:]

    def _of_symbol(self, params: Params) -> list[Order]:
        symbol = params.market().symbol.name
        return [order for order in self._account.orders.values() if order.symbol == symbol]

    def _find(self, params: Params, orders: Any) -> Order | None:
        symbol, order_id = params.market().symbol.name, params.integer("orderId")
        if order_id is None and "origClientOrderId" not in params:
            raise ApiError(
                -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            )
        for order in orders:
            named = (
                order.id == order_id
                if order_id is not None
                else order.client_id == params.text("origClientOrderId")
            )
            if named and order.symbol == symbol:
                found: Order = order
                return found
        return None

    def routes(self) -> list[Route]:
        """(method, path under /api/v3/, answer, weight)"""
        return [
            ("GET", "account", self.account, 20),
            ("POST", "order", self.new_order, 1),
            ("GET", "order", self.query_order, 4),
            ("DELETE", "order", self.cancel_order, 1),
            ("GET", "openOrders", self.open_orders, lambda p: 6 if "symbol" in p else 80),
            ("GET", "allOrders", self.all_orders, 20),
            ("GET", "myTrades", self.my_trades, lambda p: 5 if "orderId" in p else 20),
        ]


def _choice(params: Params, name: str, code: int, message: str, *choices: str) -> str:
    return params.choice(name, choices, ApiError(code, message))


def _within(params: Params, ms: int) -> bool:
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    return (start_ms is None or ms >= start_ms) and (end_ms is None or ms <= end_ms)
