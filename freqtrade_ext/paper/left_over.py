"""Bring engine and database together at a start: what stock freqtrade left there, and what it forgets."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable

from freqtrade.enums import ExitType
from freqtrade.exceptions import ExchangeError, InvalidOrderException
from freqtrade.persistence import Order, Trade
from freqtrade.util import dt_ts
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.orders import LIQUIDATION, OrderRequest, PaperOrder

logger = logging.getLogger(__name__)


def replay_orders(account: Account) -> None:
    """Book the fills of a database that stock freqtrade wrote, with the fees it recorded."""
    for trade in Trade.get_trades().all():
        for order in trade.orders:
            if order.safe_filled:
                side = order.side or order.ft_order_side
                cost = order.safe_filled * order.safe_price
                rate = trade.fee_open if order.ft_order_side == trade.entry_side else trade.fee_close
                quote = trade.safe_quote_currency
                fee = (
                    Fee(trade.safe_base_currency, order.ft_fee_base, 0.0)
                    if order.ft_fee_base
                    else Fee(quote, cost * rate, 0.0)
                )
                account.trade(trade.pair, side, order.safe_filled, cost, trade.leverage)
                account.pay(fee)


def open_again(engine: Engine) -> None:
    """
    Restore the stops on the exchange, which freqtrade forgets at each start of a dry-run.

    They hold the coins, and may have been triggered meanwhile (2026.9 persistence/migrations.py
    `fix_old_dry_orders`).
    """
    for order in engine.open_orders():
        row = Order.order_by_id(order.request.id)
        if row is not None and row.trade is not None and row.trade.is_open:
            row.ft_is_open = True
        else:
            engine.drop(order)


def undo_deletions(engine: Engine, orders: Iterable[str] = ()) -> None:
    """
    Undo what the orders of deleted trades did to the account: those deleted before, and from now on.

    `/delete` makes stock freqtrade's dry-run wallet forget a trade; what it bought and paid would otherwise
    stay in the paper account for ever, where nobody can sell it.

    :param orders: ids of those that a version which did not do this may have left, oldest first.
    """
    if orders:
        known = set(Trade.session.scalars(select(Order.order_id)))
        engine.take_back([order_id for order_id in orders if order_id not in known])

    @event.listens_for(Trade.session, "before_flush")
    def take_back(session: Session, *_: object) -> None:
        for trade in session.deleted:
            # an open order may have filled since freqtrade looked at it
            if isinstance(trade, Trade) and engine.take_back([order.order_id for order in trade.orders]):
                logger.warning(
                    "%s: trade %s is deleted, and the paper account takes back what its orders did",
                    trade.pair,
                    trade.id,
                )


def bring_funding(order: PaperOrder, engine: Engine) -> None:
    """
    Store the funding up to a fill with the futures trade of the order that was just filled.

    freqtrade asks for it when it places an exit and twice an hour; a fill takes what it knows then, and a
    stop on the exchange takes nothing (2026.9 persistence/trade_model.py `update_trade`).
    """
    if order.last_fill_ms is None or not hasattr(Trade, "session"):
        return
    for trade in Trade.get_trades_proxy(is_open=True, pair=order.request.pair):
        since_ms = dt_ts(trade.date_last_filled_utc)
        trade.set_funding_fees(funding_known(trade.pair, engine, since_ms, order.last_fill_ms))
        for row in trade.orders:
            if row.order_id == order.request.id and row.ft_order_side == "stoploss":
                row.funding_fee, trade.funding_fee_running = trade.funding_fee_running, 0.0


def funding_known(pair: str, engine: Engine, after_ms: int, until_ms: float = math.inf) -> float:
    """
    Return what a position received in a time, quote units, negative where it paid.

    A failing request for funding rates must not prevent an exit.
    """
    try:
        engine.settle(pair)
    except ExchangeError as error:
        logger.warning("%s: the funding due is not known yet: %s", pair, error)
    return engine.funding(pair, after_ms, until_ms)


def name_liquidation(trade: Trade, order: Order) -> None:
    """Name the reason of a liquidation; freqtrade itself calls it "sold_on_exchange"."""
    if order.order_id.startswith(LIQUIDATION):
        order.ft_order_tag = trade.exit_reason = ExitType.LIQUIDATION.value


def order_left(order_id: str) -> PaperOrder:
    """
    Convert stock freqtrade's dry-run order into a PaperOrder.

    :raises InvalidOrderException: there is none.
    """
    row = Order.order_by_id(order_id) if hasattr(Order, "session") else None
    if row is None:
        raise InvalidOrderException(f"There is no dry-run order {order_id}.")
    is_stop = row.ft_order_side == "stoploss"
    request = OrderRequest(
        id=order_id,
        pair=row.ft_pair,
        type="stop_limit" if is_stop else "limit",
        side=row.side,
        amount=row.safe_amount,
        decision_rate=row.safe_placement_price,
        limit=row.price,
        stop_rate=row.stop_price if is_stop else None,
        ccxt_type=row.order_type or "",
    )
    placed_ms = int(row.order_date_utc.timestamp() * 1000)
    order = PaperOrder(
        request=request,
        decision_ms=placed_ms,
        arrival_ms=placed_ms,
        entry_latency_ms=0.0,
        response_latency_ms=0.0,
        taker_amount=row.safe_filled,
        taker_cost=row.safe_cost if row.safe_filled else 0.0,
    )
    if not row.ft_is_open:
        order.end(row.status, "ended before the engine was installed")
    return order
