"""Binance's signed endpoints of USD-M futures about orders: placing, cancelling and listing them."""

from __future__ import annotations

from typing import Any, cast

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.happenings import BuySell
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.orders import MARKET_TYPES, STOP_TYPES
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.rest import Route
from freqtrade_ext.replica.usdm_account import FuturesAccount
from freqtrade_ext.replica.usdm_orders import SPOT_TYPES, FuturesOrder
from freqtrade_ext.replica.usdm_symbols import ORDER_TYPES, TIMES_IN_FORCE


class FuturesOrders:
    """Answers of /fapi/v1."""

    def __init__(self, exchange: Exchange, account: FuturesAccount) -> None:
        self._exchange, self._account = exchange, account

    def routes(self) -> list[Route]:
        """(method, path under /fapi/, answer, weight)"""
        return [
            ("POST", "v1/order", self._new_order, 0),
            ("GET", "v1/order", lambda params: self._find(params).query(), 1),
            ("DELETE", "v1/order", lambda params: self._end(params).query(), 1),
            ("GET", "v1/openOrders", self._open_orders, 1),
            ("GET", "v1/allOrders", self._all_orders, 5),
            ("GET", "v1/userTrades", self._trades, 5),
            ("POST", "v1/algoOrder", self._new_algo, 1),
            ("GET", "v1/algoOrder", lambda params: self._find(params).algo(), 1),
            ("DELETE", "v1/algoOrder", self._cancel_algo, 1),
            ("GET", "v1/openAlgoOrders", self._open_algos, 1),
        ]

    def _new_order(self, params: Params) -> Any:
        return self._place(params, "newClientOrderId", "stopPrice").query()

    def _new_algo(self, params: Params) -> Any:
        return self._place(params, "clientAlgoId", "triggerPrice", is_algo=True).algo()

    def _place(self, params: Params, client_id: str, stop: str, *, is_algo: bool = False) -> FuturesOrder:
        market, order = self._read(params, client_id, stop, is_algo)
        self._account.check(market, order)
        self._account.next_id += 1
        self._account.place(market, order)
        return order

    def _read(self, params: Params, client_id: str, stop: str, is_algo: bool) -> tuple[Market, FuturesOrder]:
        market, now_ms = params.market(), self._exchange.now_ms()
        name = params.choice("type", ORDER_TYPES, ApiError(-1116, "Invalid orderType."))
        side = params.choice("side", ("BUY", "SELL"), ApiError(-1117, "Invalid side."))
        in_force = "GTC"
        if "timeInForce" in params:
            in_force = params.choice("timeInForce", TIMES_IN_FORCE, ApiError(-1115, "Invalid timeInForce."))
        kind = "LIMIT_MAKER" if in_force == "GTX" else SPOT_TYPES.get(name, name)
        if (kind in STOP_TYPES) is not is_algo:
            raise ApiError(
                -4120, "Order type not supported for this endpoint. Please use the Algo Order API."
            )
        order_id = self._account.next_id
        return market, FuturesOrder(
            id=order_id,
            client_id=params.text(client_id) if client_id in params else f"replica{order_id}",
            symbol=market.symbol.name,
            side=cast(BuySell, side.lower()),
            type=kind,
            time_in_force="GTC" if in_force == "GTX" else in_force,
            amount=params.fixed("quantity"),
            rate=0 if kind in MARKET_TYPES else params.fixed("price"),
            stop_rate=params.fixed(stop) if kind in STOP_TYPES else 0,
            placed_ms=now_ms,
            updated_ms=now_ms,
            rises_to_stop=side == "BUY",
            reduce_only="reduceOnly" in params and params.text("reduceOnly").lower() == "true",
            by_mark="workingType" in params and params.text("workingType") == "MARK_PRICE",
            is_algo=is_algo,
        )

    def _find(self, params: Params) -> FuturesOrder:
        ids = {params.integer(name) for name in ("orderId", "algoId")} - {None}
        names = ("origClientOrderId", "clientAlgoId")
        clients = {params.text(name) for name in names if name in params}
        for order in self._account.orders.values():
            if order.id in ids or order.client_id in clients:
                return cast(FuturesOrder, order)
        raise ApiError(-2013, "Order does not exist.")

    def _end(self, params: Params) -> FuturesOrder:
        order = self._find(params)
        if not order.is_open:
            raise ApiError(-2011, "Unknown order sent.")
        market = self._exchange.running[order.symbol].market
        self._account.cancel(market, order, self._exchange.now_ms())
        return order

    def _cancel_algo(self, params: Params) -> Any:
        order = self._end(params)
        return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def _of_symbol(self, params: Params, *, is_algo: bool) -> list[FuturesOrder]:
        symbol = params.market().symbol.name if "symbol" in params else None
        orders = cast(list[FuturesOrder], list(self._account.orders.values()))
        return [o for o in orders if symbol in (None, o.symbol) and o.is_algo is is_algo]

    def _open_orders(self, params: Params) -> Any:
        return [o.query() for o in self._of_symbol(params, is_algo=False) if o.is_open]

    def _open_algos(self, params: Params) -> Any:
        return [o.algo() for o in self._of_symbol(params, is_algo=True) if o.is_open]

    def _all_orders(self, params: Params) -> Any:
        start_ms = params.integer("startTime") or 0
        orders = self._of_symbol(params, is_algo=False)
        # what a stop became is an order of its own
        orders += [o for o in self._of_symbol(params, is_algo=True) if o.working_ms >= 0]
        return [o.query() for o in orders if o.placed_ms >= start_ms][-params.limit(500, 1000) :]

    def _trades(self, params: Params) -> Any:
        order_id, start_ms = params.integer("orderId"), params.integer("startTime") or 0
        symbol = params.market().symbol.name
        orders = [o for o in self._account.orders.values() if o.symbol == symbol and order_id in (None, o.id)]
        rows = [row for order in orders for row in order.trades()]
        return sorted((r for r in rows if r["time"] >= start_ms), key=lambda r: r["id"])[-1000:]
