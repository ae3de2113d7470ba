"""A small database, written by freqtrade's own models, whose figures are worked by hand in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from freqtrade.enums import TradingMode
from freqtrade.persistence import Order, Trade, init_db
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.persistence.key_value_store import _KeyValueStoreModel
from freqtrade.persistence.pairlock import PairLock

from freqtrade_ext.paper.store import DatabaseStore

SESSIONS = [Trade, Order, PairLock, _KeyValueStoreModel, _CustomData]
with suppress(ImportError):  # 2026.3 and older keep none
    from freqtrade.persistence.wallet_history import WalletHistory

    SESSIONS.append(WalletHistory)
BEGAN = datetime(2026, 11, 20, 8, 0)
MS = 1_000 * int((BEGAN - datetime(1970, 1, 1)).total_seconds())


@contextmanager
def database(url: str) -> Iterator[None]:
    """Let freqtrade write to a database, and forget it afterwards: its sessions are global."""
    before = {model: model.__dict__.get("session") for model in SESSIONS}
    init_db(url)
    try:
        yield
        Trade.commit()
    finally:
        for model, session in before.items():
            model.session.remove()
            model.session.get_bind().dispose()
            if session is None:
                del model.session
            else:
                model.session = session


def add_trade(pair: str, hour: float, *, fee: float = 0.001, **columns: Any) -> Trade:
    """Start a trade `hour` hours after BEGAN."""
    defaults: dict[str, Any] = {
        "pair": pair,
        "exchange": "binance",
        "stake_currency": "USDT",
        "base_currency": pair.partition("/")[0],
        "open_rate": 100.0,
        "amount": 0.0,
        "stake_amount": 0.0,
        "fee_open": fee,
        "fee_close": fee,
        "is_short": False,
        "leverage": 1.0,
        "trading_mode": TradingMode.SPOT,
        "open_date": BEGAN + timedelta(hours=hour),
    }
    trade = Trade(**defaults | columns)
    Trade.session.add(trade)
    Trade.session.flush()
    return trade


def add_order(
    trade: Trade,
    side: str,
    requested: float,
    average: float | None,
    minute: float,
    *,
    tag: str | None = None,
    filled: float | None = None,
    status: str = "closed",
    **columns: Any,
) -> Order:
    """Add an order `minute` minutes after the trade began; without an average it filled nothing."""
    filled = requested if filled is None and average is not None else filled or 0.0
    number = len(trade.orders) + 1
    placed = trade.open_date + timedelta(minutes=minute)
    defaults: dict[str, Any] = {
        "ft_order_side": side,
        "ft_pair": trade.pair,
        "ft_is_open": status == "open",
        "ft_amount": requested,
        "ft_price": average or trade.open_rate,
        "ft_order_tag": tag,
        "order_id": f"{trade.id}-{number}",
        "status": status,
        "symbol": trade.pair,
        "order_type": "market",
        "side": side,
        "amount": requested,
        "filled": filled,
        "average": average,
        "cost": filled * (average or 0.0),
        "order_date": placed,
        "order_filled_date": placed + timedelta(seconds=1) if filled else None,
    }
    order = Order(**defaults | columns)
    trade.orders.append(order)
    trade.recalc_trade_from_orders()
    return order


def record(order: Order, decision_rate: float, stock_average: float | None, **more: Any) -> dict[str, Any]:
    """What the paper engine says of an order, in the words of its `fill_record`."""
    return {
        "order_id": order.order_id,
        "pair": order.ft_pair,
        "side": order.side,
        "status": order.status,
        "reason": "",
        "requested": order.amount,
        "filled": order.filled,
        "average": order.average,
        "decision_rate": decision_rate,
        "decision_ms": MS,
        "arrival_ms": MS + 100,
        "book_ms": MS + 60,
        "entry_latency_ms": 99.5,
        "response_latency_ms": 80.0,
        "levels": 1,
        "fee_cost": order.filled * (order.average or 0.0) * 0.001,
        "fee_currency": "USDT",
        "fee_rate": 0.001,
        "stock_average": stock_average,
    } | more


def plan(entry_rate: float, stop_rate: float, targets: list[float], shares: list[float]) -> dict[str, Any]:
    is_short = stop_rate > entry_rate
    return {
        "is_short": is_short,
        "entry_rate": entry_rate,
        "stop_rate": stop_rate,
        "target_rates": targets,
        "shares": shares,
        "stop_percent": 100 * abs(stop_rate / entry_rate - 1),
        "target_percents": [100 * abs(target / entry_rate - 1) for target in targets],
        "reasons": ["$167 per position, 3 slots available", "Standard allocation", "Standard TPs"],
    }


def keep(trade: Trade, fills: list[dict[str, Any]], plan: dict[str, Any] | None, regime: str | None) -> None:
    """Store beside the trade what the strategy stores."""
    Trade.commit()  # custom data has a session of its own
    trade.set_custom_data("fills", fills)
    if plan:
        trade.set_custom_data("plan", plan)
    if regime:
        trade.set_custom_data("market_state", {"regime": regime, "rsi": 55.0})


def fill_small(url: str) -> None:
    """
    Write five trades.

    1. long, planned: entry, TP1 (tried once in vain), TP2, stop; the fee of the entry is paid in BTC
    2. short, planned: all of it at TP1
    3. stock freqtrade's: no plan, no record
    4. open, planned: TP1 is taken
    5. open: its entry rests, next to nothing is known
    """
    with database(url):
        _long_to_the_stop()
        _short_to_the_target()
        stock = add_trade("LTC/USDT", 2)
        add_order(stock, "buy", 1.0, 80.0, 0)
        add_order(stock, "sell", 1.0, 78.0, 60, tag="exit_signal")
        stock.exit_reason = "exit_signal"
        stock.close(78.0)
        going = add_trade("BTC/USDT", 3)
        entry = add_order(going, "buy", 1.0, 100.0, 0)
        first = add_order(going, "sell", 0.4, 101.8, 60, tag="tp1")
        fills = [record(entry, 100.0, None), record(first, 101.8, None)]
        keep(going, fills, plan(100.0, 98.2, [101.8, 103.2, 105.5], [40, 30, 30]), "flat")
        waiting = add_trade("XRP/USDT", 4, amount=0.0, open_rate=0.5)
        resting = add_order(waiting, "buy", 100.0, None, 0, status="open", amount=None)
        resting.side = resting.filled = None


def _long_to_the_stop() -> None:
    trade = add_trade("BTC/USDT", 0, stop_loss=98.2, min_rate=97.9, max_rate=103.4)
    entry = add_order(trade, "buy", 10.0, 100.1, 0, tag="breakout", ft_fee_base=0.01)
    empty = add_order(trade, "sell", 4.0, None, 20, tag="tp1", status="expired")
    first = add_order(trade, "sell", 4.0, 101.85, 21, tag="tp1")
    second = add_order(trade, "sell", 3.0, 103.3, 40, tag="tp2")
    last = add_order(trade, "sell", 2.99, 98.0, 60, tag="stop_loss")
    trade.exit_reason = "stop_loss"
    trade.close(98.0)
    fills = [
        record(entry, 100.0, 100.0, fee_cost=0.01, fee_currency="BTC", entry_latency_ms=50.0),
        record(first, 101.9, 101.9, decision_ms=MS + 3_600_000, arrival_ms=None),
        record(second, 103.3, 103.3),
    ]
    keep(trade, fills, plan(100.1, 98.2, [101.9, 103.3, 105.6], [40, 30, 30]), "trending")
    # orders that the strategy was never told of are found in the engine's own rows
    store = DatabaseStore()
    store.save(
        {
            f"order/{empty.order_id}": _paper_order(
                empty, 101.9, 101.9, status="expired", reason="the order book ended after 20 levels"
            ),
            f"order/{last.order_id}": _paper_order(
                last, 98.1, 98.5, taker_amount=2.99, taker_cost=2.99 * 98.0, fee_value=0.29302
            ),
            "account": {"moved": {}},
            "order/of another version": {"id": 1},
        }
    )


def _paper_order(order: Order, decision_rate: float, stock_average: float, **more: Any) -> dict[str, Any]:
    """The engine's own row of an order."""
    request = {
        "id": order.order_id,
        "pair": order.ft_pair,
        "type": "market",
        "side": order.side,
        "amount": order.amount,
        "decision_rate": decision_rate,
        "stock_average": stock_average,
    }
    fees = {"USDT": more["fee_value"]} if "fee_value" in more else {}
    return {
        "request": request,
        "decision_ms": MS,
        "arrival_ms": MS + 100,
        "entry_latency_ms": 120.0,
        "response_latency_ms": 80.0,
        "queue": {},
        "fees": fees,
        "status": "closed",
    } | more


def _short_to_the_target() -> None:
    trade = add_trade(
        "ETH/USDT:USDT", 1, fee=0.0005, is_short=True, trading_mode=TradingMode.FUTURES, stop_loss=51.0
    )
    entry = add_order(trade, "sell", 2.0, 49.9, 0, tag="breakout")
    exit_order = add_order(trade, "buy", 2.0, 49.2, 60, tag="tp1")
    trade.exit_reason = "tp1"
    trade.close(49.2)
    fills = [
        record(entry, 50.0, 50.0, fee_cost=0.0499, fee_rate=0.0005),
        record(exit_order, 49.1, 49.1, fee_cost=0.0492, fee_rate=0.0005),
    ]
    keep(trade, fills, plan(49.9, 51.0, [49.15, 48.65, 47.9], [100, 0, 0]), "choppy")
