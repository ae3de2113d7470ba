"""freqtrade's exchange object on paper: its orders, positions and funding, answered by the engine."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import uuid4

from freqtrade.enums import TradingMode
from freqtrade.exceptions import ExchangeError, InsufficientFundsError, InvalidOrderException
from freqtrade.util import dt_ts

from freqtrade_ext.fills.account import currencies
from freqtrade_ext.fills.arrivals import OrderRejected
from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.fills.holdings import BalanceTooLow
from freqtrade_ext.fills.orders import OrderRequest, OrderType, PaperOrder
from freqtrade_ext.paper.left_over import bring_funding, funding_known, order_left
from freqtrade_ext.paper.market_data import PaperMarketData
from freqtrade_ext.paper.stock import stop_rate_name, stops_by_mark, whole_lots

logger = logging.getLogger(__name__)


class PaperExchange(PaperMarketData):
    """Orders in place of freqtrade's dry-run orders. Mixed into the bot's exchange by `install` only."""

    paper: Engine
    is_guarded: bool = True
    """whether the last look at funding and mark prices of futures succeeded"""

    def reload_markets(self, force: bool = False, *, load_leverage_tiers: bool = True) -> None:
        """Also let the exchange do what it does by itself: the bot's loop begins with this call."""
        super().reload_markets(force, load_leverage_tiers=load_leverage_tiers)
        if self.trading_mode == TradingMode.FUTURES:
            try:
                self.paper.guard()
                self.is_guarded = True
            except ExchangeError as error:  # the next loop asks again
                if self.is_guarded:
                    logger.warning("Funding and liquidation wait for the exchange: %s", error)
                self.is_guarded = False

    def get_funding_fees(self, pair: str, amount: float, is_short: bool, open_date: datetime) -> float:
        """Return the funding that the paper account received since; a live bot asks the exchange for it."""
        if self.trading_mode != TradingMode.FUTURES:
            return 0.0
        return funding_known(pair, self.paper, dt_ts(open_date))

    def fetch_orders(
        self, pair: str, since: datetime, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the exchange's own orders, for which the bot asks where a position is gone."""
        orders = self.paper.liquidations(pair, dt_ts(since))
        for order in orders:
            bring_funding(order, self.paper)
        return [order.to_ccxt(stop_rate_name(self)) for order in orders]

    def create_order(
        self,
        *,
        pair: str,
        ordertype: str,
        side: BuySell,
        amount: float,
        rate: float,
        leverage: float,
        time_in_force: str = "GTC",
        reduceOnly: bool = False,
        initial_order: bool = True,
    ) -> dict[str, Any]:
        # stock freqtrade drops both on the way to its dry-run order, and live the first for market orders
        # (2026.9 exchange.py `_get_params`)
        sent = "GTC" if ordertype == "market" else time_in_force.upper()
        params = {"timeInForce": sent, "reduceOnly": reduceOnly}
        try:
            # a rate below the tick stays what it is, not 0
            rate = self.price_to_precision(pair, rate) or rate
        except ArithmeticError as error:  # more digits than ccxt's decimals have; nothing else would catch it
            raise InvalidOrderException(f"{self.name} has no order of {pair} at {rate}") from error
        return self.create_dry_run_order(pair, ordertype, side, amount, rate, leverage, params)

    def create_dry_run_order(
        self,
        pair: str,
        ordertype: str,
        side: BuySell,
        amount: float,
        rate: float,
        leverage: float,
        params: dict[str, Any] | None = None,
        stop_loss: bool = False,
        stop_price: float | None = None,
    ) -> dict[str, Any]:
        params = params or {}
        is_limit = "limit" in ordertype or ordertype == "stop"  # Binance futures' name of a stop-limit
        kind: OrderType = "limit" if is_limit else "market"
        if stop_loss:
            kind = "stop_limit" if is_limit else "stop_market"
        amount = whole_lots(self, pair, amount)
        request = OrderRequest(
            id=f"dry_run_{side}_{pair}_{uuid4()}",
            pair=pair,
            type=kind,
            side=side,
            amount=amount,
            decision_rate=stop_price or rate if stop_loss else rate,
            mid_rate=None if stop_loss else self.mids.get(pair),
            limit=rate if is_limit else None,
            stop_rate=(stop_price or rate) if stop_loss else None,
            time_in_force=params.get("timeInForce", "GTC"),
            leverage=leverage,
            reduce_only=params.get("reduceOnly", stop_loss) and self.trading_mode == TradingMode.FUTURES,
            by_mark=stop_loss and stops_by_mark(self),
            ccxt_type=ordertype,
        )
        try:
            order = self.paper.submit(request)
        except BalanceTooLow as error:
            raise InsufficientFundsError(f"Insufficient funds for {ordertype} {pair}: {error}") from error
        except OrderRejected as error:
            raise InvalidOrderException(f"{self.name} rejects {ordertype} {side} {pair}: {error}") from error
        _log(order)
        return order.to_ccxt(stop_rate_name(self))

    def fetch_dry_run_order(self, order_id: str) -> dict[str, Any]:
        order = self.paper.find(order_id) or self._take_over(order_id)
        before = order.filled
        if order.status == "open":
            self.paper.poll(order.request.pair)
        if order.filled > before:
            _log(order)
            if self.trading_mode == TradingMode.FUTURES:
                bring_funding(order, self.paper)
        return order.to_ccxt(stop_rate_name(self))

    def cancel_order(self, order_id: str, pair: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        order = self.paper.find(order_id) or self._take_over(order_id)
        if order.status == "open":
            order = self.paper.cancel(order_id)
        return order.to_ccxt(stop_rate_name(self))

    def _take_over(self, order_id: str) -> PaperOrder:
        """Return an order of stock freqtrade's dry-run from before the engine; adopt it if it is open."""
        order = order_left(order_id)
        if order.status == "open":
            self.paper.adopt(order)
        return order


def _log(order: PaperOrder) -> None:
    """Log that an order rests, was filled in part or ended without a fill; no callback of freqtrade does."""
    if order.status == "closed":
        return
    r = order.request
    logger.info(
        "%s: %s %s of %.8g %s is %s, %.8g filled%s",
        r.pair,
        r.type,
        r.side,
        r.amount,
        currencies(r.pair)[0],
        order.status,
        order.filled,
        f": {order.reason}" if order.reason else "",
    )
