"""Binance's signed endpoints of USD-M futures, as far as freqtrade's live trading asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import E8, to_text
from freqtrade_ext.replica.happenings import BuySell
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.orders import MARKET_TYPES, STOP_TYPES
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.rest import Weight
from freqtrade_ext.replica.usdm import BRACKETS, ORDER_TYPES, TIMES_IN_FORCE
from freqtrade_ext.replica.usdm_account import MAKER_FEE, TAKER_FEE, FuturesAccount, FuturesOrder, MarginType

_SPOT_TYPES = {
    "STOP": "STOP_LOSS_LIMIT",
    "STOP_MARKET": "STOP_LOSS",
    "TAKE_PROFIT": "TAKE_PROFIT_LIMIT",
    "TAKE_PROFIT_MARKET": "TAKE_PROFIT",
}
"""the same orders as spot names them"""
_TYPES = {spot: name for name, spot in _SPOT_TYPES.items()} | {"LIMIT_MAKER": "LIMIT"}


class FuturesPrivate:
    """Answers of /fapi/v1, v2 and v3."""

    def __init__(self, exchange: Exchange, account: FuturesAccount) -> None:
        self._exchange, self._account = exchange, account

    def routes(self) -> list[tuple[str, str, Callable[[Params], Any], Weight]]:
        """(method, path under /fapi/, answer, weight)"""
        return [
            ("GET", "v1/positionSide/dual", lambda _: {"dualSidePosition": False}, _weight(30)),
            ("GET", "v1/multiAssetsMargin", lambda _: {"multiAssetsMargin": False}, _weight(30)),
            ("GET", "v1/leverageBracket", self._brackets, _weight(1)),
            ("GET", "v1/commissionRate", self._fees, _weight(20)),
            ("POST", "v1/leverage", self._set_leverage, _weight(1)),
            ("POST", "v1/marginType", self._set_margin_type, _weight(1)),
            ("GET", "v2/account", self._describe, _weight(5)),
            ("GET", "v3/account", self._describe, _weight(5)),
            ("GET", "v2/positionRisk", self._risks, _weight(5)),
            ("GET", "v3/positionRisk", self._risks, _weight(5)),
            ("GET", "v1/income", self._income, _weight(30)),
            ("POST", "v1/order", self._new_order, _weight(0)),
            ("GET", "v1/order", self._query, _weight(1)),
            ("DELETE", "v1/order", self._cancel, _weight(1)),
            ("GET", "v1/openOrders", self._open_orders, _weight(1)),
            ("GET", "v1/allOrders", self._all_orders, _weight(5)),
            ("GET", "v1/userTrades", self._trades, _weight(5)),
            ("POST", "v1/algoOrder", self._new_algo, _weight(1)),
            ("GET", "v1/algoOrder", lambda params: self._algo(self._find(params)), _weight(1)),
            ("DELETE", "v1/algoOrder", self._cancel_algo, _weight(1)),
            ("GET", "v1/openAlgoOrders", self._open_algos, _weight(1)),
        ]

    def _brackets(self, params: Params) -> Any:
        floors = (0, *(most for most, *_ in BRACKETS))
        brackets = [
            {
                "bracket": number,
                "initialLeverage": leverage,
                "notionalCap": most,
                "notionalFloor": floor,
                "maintMarginRatio": float(rate),
                "cum": float(deducted),
            }
            for number, (floor, (most, leverage, rate, deducted)) in enumerate(zip(floors, BRACKETS), 1)  # noqa: B905
        ]
        return [{"symbol": name, "brackets": brackets} for name in self._exchange.running]

    def _fees(self, params: Params) -> Any:
        fees = {"makerCommissionRate": to_text(MAKER_FEE), "takerCommissionRate": to_text(TAKER_FEE)}
        return {"symbol": params.market().symbol.name} | fees

    def _set_leverage(self, params: Params) -> Any:
        name, leverage = params.market().symbol.name, params.integer("leverage") or 0
        if not 1 <= leverage <= BRACKETS[0][1]:
            raise ApiError(-4028, f"Leverage {leverage} is not valid")
        self._account.positions[name].leverage = leverage
        most = next(most for most, highest, *_ in reversed(BRACKETS) if leverage <= highest)
        return {"symbol": name, "leverage": leverage, "maxNotionalValue": str(most)}

    def _set_margin_type(self, params: Params) -> Any:
        position = self._account.positions[params.market().symbol.name]
        wanted = "isolated" if params.text("marginType") == "ISOLATED" else "cross"
        if wanted == position.margin_type:
            raise ApiError(-4046, "No need to change margin type.")
        if position.amount:
            raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
        position.margin_type = cast(MarginType, wanted)
        return {"code": 200, "msg": "success"}

    def _describe(self, params: Params) -> Any:
        assets = [self._asset(asset["asset"]) for asset in self._account.balances()]
        totals = {"totalWalletBalance": "walletBalance", "availableBalance": "availableBalance"}
        total = {name: assets[0][of] for name, of in totals.items()}
        flags = {"canTrade": True, "canDeposit": True, "canWithdraw": False, "multiAssetsMargin": False}
        return {"feeTier": 0, **flags, **total, "assets": assets, "positions": self._risks(params)}

    def _asset(self, asset: str) -> dict[str, Any]:
        balance = self._account.balance(asset)
        held = [r for r in self._running(asset) if self._account.positions[r[0]].amount]
        margin = sum(self._account.positions[name].margin for name, _ in held)
        profit = sum(self._account.positions[name].profit(mark) for name, mark in held)
        wallet = balance.free + balance.locked + margin
        return {
            "asset": asset,
            "walletBalance": to_text(wallet),
            "unrealizedProfit": to_text(profit),
            "marginBalance": to_text(wallet + profit),
            "maintMargin": to_text(sum(self._account.maintenance(*one) for one in held)),
            "initialMargin": to_text(margin + balance.locked),
            "positionInitialMargin": to_text(margin),
            "openOrderInitialMargin": to_text(balance.locked),
            "crossWalletBalance": to_text(balance.free),
            "crossUnPnl": to_text(0),
            "availableBalance": to_text(balance.free),
            "maxWithdrawAmount": to_text(balance.free),
            "updateTime": self._exchange.now_ms(),
        }

    def _running(self, asset: str) -> list[tuple[str, int]]:
        return [
            (name, running.perpetual.mark)
            for name, running in self._exchange.running.items()
            if running.market.symbol.quote == asset
        ]

    def _risks(self, params: Params) -> Any:
        return [
            self._risk(market.symbol.name, market.symbol.quote)
            for market in params.markets()
            if self._account.positions[market.symbol.name].amount
        ]

    def _risk(self, name: str, quote: str) -> dict[str, Any]:
        position, mark = self._account.positions[name], self._exchange.running[name].perpetual.mark
        amount, profit = position.amount, position.profit(mark)
        signed = position.value(mark) if amount > 0 else -position.value(mark)
        isolated = position.margin_type == "isolated"
        return {
            "symbol": name,
            "positionSide": "BOTH",
            "positionAmt": to_text(amount),
            "entryPrice": to_text(position.entry_cost * E8 // amount),
            "breakEvenPrice": to_text(position.entry_cost * E8 // amount),
            "markPrice": to_text(mark),
            "unRealizedProfit": to_text(profit),
            "liquidationPrice": to_text(self._liquidation_rate(name)),
            "leverage": str(position.leverage),
            "marginType": position.margin_type,
            "isolatedMargin": to_text(position.margin + profit if isolated else 0),
            "isolatedWallet": to_text(position.margin if isolated else 0),
            "notional": to_text(signed),
            "marginAsset": quote,
            "initialMargin": to_text(position.margin),
            "maintMargin": to_text(self._account.maintenance(name, mark)),
            "positionInitialMargin": to_text(position.margin),
            "openOrderInitialMargin": to_text(0),
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": self._exchange.now_ms(),
        }

    def _liquidation_rate(self, name: str) -> int:
        """Where an isolated position's margin is down to what its first bracket demands to be kept."""
        position = self._account.positions[name]
        _, _, rate, _ = BRACKETS[0]
        kept = 1 - float(rate) if position.amount > 0 else -1 - float(rate)
        return max(0, int((position.entry_cost - position.margin) / (abs(position.amount) * kept) * E8))

    def _income(self, params: Params) -> Any:
        kind = params.text("incomeType") if "incomeType" in params else None
        symbol = params.market().symbol.name if "symbol" in params else None
        start_ms, end_ms = params.integer("startTime") or 0, params.integer("endTime")
        return [
            {
                "symbol": one.symbol,
                "incomeType": one.kind,
                "income": to_text(one.amount),
                "asset": one.asset,
                "info": one.kind,
                "time": one.ms,
                "tranId": str(number),
                "tradeId": "",
            }
            for number, one in enumerate(self._account.income, 1)
            if kind in (None, one.kind) and symbol in (None, one.symbol)
            if start_ms <= one.ms and (end_ms is None or one.ms <= end_ms)
        ][: params.limit(100, 1000)]

    # -- orders -----------------------------------------------------------------------------------

    def _new_order(self, params: Params) -> Any:
        return _Report(self._place(params, "newClientOrderId", "stopPrice")).query()

    def _new_algo(self, params: Params) -> Any:
        return self._algo(self._place(params, "clientAlgoId", "triggerPrice", is_algo=True))

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
        kind = "LIMIT_MAKER" if in_force == "GTX" else _SPOT_TYPES.get(name, name)
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
            rises_to_stop=kind.startswith("STOP") == (side == "BUY"),
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

    def _query(self, params: Params) -> Any:
        return _Report(self._find(params)).query()

    def _end(self, params: Params) -> FuturesOrder:
        order = self._find(params)
        if not order.is_open:
            raise ApiError(-2011, "Unknown order sent.")
        market = self._exchange.running[order.symbol].market
        self._account.cancel(market, order, self._exchange.now_ms())
        return order

    def _cancel(self, params: Params) -> Any:
        return _Report(self._end(params)).query()

    def _cancel_algo(self, params: Params) -> Any:
        order = self._end(params)
        return {"algoId": order.id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def _of_symbol(self, params: Params, *, is_algo: bool) -> list[FuturesOrder]:
        symbol = params.market().symbol.name if "symbol" in params else None
        orders = cast(list[FuturesOrder], list(self._account.orders.values()))
        return [o for o in orders if symbol in (None, o.symbol) and o.is_algo is is_algo]

    def _open_orders(self, params: Params) -> Any:
        return [_Report(o).query() for o in self._of_symbol(params, is_algo=False) if o.is_open]

    def _open_algos(self, params: Params) -> Any:
        return [self._algo(o) for o in self._of_symbol(params, is_algo=True) if o.is_open]

    def _all_orders(self, params: Params) -> Any:
        start_ms = params.integer("startTime") or 0
        orders = self._of_symbol(params, is_algo=False)
        # what a stop became is an order of its own
        orders += [o for o in self._of_symbol(params, is_algo=True) if o.working_ms >= 0]
        return [_Report(o).query() for o in orders if o.placed_ms >= start_ms][-params.limit(500, 1000) :]

    def _algo(self, order: FuturesOrder) -> dict[str, Any]:
        triggered = order.working_ms >= 0
        status = {"CANCELED": "CANCELED", "EXPIRED": "EXPIRED"}.get(order.status, "NEW")
        return {
            "algoId": order.id,
            "clientAlgoId": order.client_id,
            "algoType": "CONDITIONAL",
            "orderType": _TYPES.get(order.type, order.type),
            "symbol": order.symbol,
            "side": order.side.upper(),
            "positionSide": "BOTH",
            "timeInForce": order.time_in_force,
            "quantity": to_text(order.amount),
            "algoStatus": "FINISHED" if triggered else status,
            "triggerPrice": to_text(order.stop_rate),
            "price": to_text(order.rate),
            "workingType": "MARK_PRICE" if order.by_mark else "CONTRACT_PRICE",
            "reduceOnly": order.reduce_only,
            "closePosition": False,
            "actualOrderId": str(order.id) if triggered else "",
            "actualPrice": to_text(order.spent * E8 // order.filled if order.filled else 0),
            "createTime": order.placed_ms,
            "updateTime": order.updated_ms,
            "triggerTime": max(order.working_ms, 0),
        }

    def _trades(self, params: Params) -> Any:
        order_id, start_ms = params.integer("orderId"), params.integer("startTime") or 0
        symbol = params.market().symbol.name
        orders = [o for o in self._account.orders.values() if o.symbol == symbol and order_id in (None, o.id)]
        rows = [row for order in orders for row in _Report(cast(FuturesOrder, order)).trades()]
        return sorted((r for r in rows if r["time"] >= start_ms), key=lambda r: r["id"])[-1000:]


class _Report:
    """An order in futures' words."""

    def __init__(self, order: FuturesOrder) -> None:
        self.order = order

    def query(self) -> dict[str, Any]:
        order = self.order
        name = _TYPES.get(order.type, order.type)
        return {
            "orderId": order.id,
            "symbol": order.symbol,
            "status": order.status,
            "clientOrderId": order.client_id,
            "price": to_text(order.rate),
            "avgPrice": to_text(order.spent * E8 // order.filled if order.filled else 0),
            "origQty": to_text(order.amount),
            "executedQty": to_text(order.filled),
            "cumQty": to_text(order.filled),
            "cumQuote": to_text(order.spent),
            "timeInForce": "GTX" if order.type == "LIMIT_MAKER" else order.time_in_force,
            "type": name,
            "origType": name,
            "reduceOnly": order.reduce_only,
            "closePosition": False,
            "side": order.side.upper(),
            "positionSide": "BOTH",
            "stopPrice": to_text(order.stop_rate),
            "workingType": "MARK_PRICE" if order.by_mark else "CONTRACT_PRICE",
            "priceProtect": False,
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0,
            "time": order.placed_ms,
            "updateTime": order.updated_ms,
        }

    def trades(self) -> list[dict[str, Any]]:
        order = self.order
        return [
            {
                "symbol": order.symbol,
                "id": fill.trade_id,
                "orderId": order.id,
                "side": order.side.upper(),
                "price": to_text(fill.rate),
                "qty": to_text(fill.amount),
                "quoteQty": to_text(fill.rate * fill.amount // E8),
                "realizedPnl": to_text(fill.realized),
                "commission": to_text(fill.commission),
                "commissionAsset": fill.commission_asset,
                "time": fill.ms,
                "buyer": order.side == "buy",
                "maker": fill.is_maker,
                "positionSide": "BOTH",
            }
            for fill in order.fills
        ]


def _weight(weight: int) -> Weight:
    return lambda _: weight
