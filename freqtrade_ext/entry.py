"""Gather what the decision on an entry stands on: market state, account, order book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import DependencyException, TemporaryError
from freqtrade.persistence import Trade
from pandas import DataFrame

from freqtrade_ext.decide import NoTrade
from freqtrade_ext.decide.market_state import COLUMNS, MarketState, read_state
from freqtrade_ext.decide.plan import Plan
from freqtrade_ext.decide.text import rate_text
from freqtrade_ext.execute.book import Level

PREFIX = "managed_"
"""of the market state's columns in the strategy's dataframe"""

BOOK_DEPTH = 100
"""levels looked at before an entry; up to here Binance weighs them the same"""


def last_market_state(dataframe: DataFrame, timeframe: str) -> MarketState:
    """
    Read the market state at the last candle.

    :param timeframe: of the market state, for the message.
    :raises NoTrade: it cannot be told.
    """
    names = [PREFIX + name for name in COLUMNS]
    if dataframe.empty or not set(names) <= set(dataframe.columns):
        raise NoTrade(f"the columns {PREFIX}* are missing: populate_indicators must keep the columns it gets")
    values = dataframe[names].iloc[-1].tolist()
    return read_state(dict(zip(COLUMNS, values, strict=True)), timeframe)


def recent_results(count: int) -> tuple[int, int]:
    """Count winners and losers among the last closed trades."""
    closed = Trade.get_trades_proxy(is_open=False)
    if Trade.use_db:
        # a backtest has them in the order of their closing
        closed = sorted(closed, key=lambda trade: trade.close_date)
    profits = [trade.close_profit or 0.0 for trade in closed[-count:]]
    return sum(profit > 0 for profit in profits), sum(profit < 0 for profit in profits)


def opposite_levels(dp: Any, pair: str, is_short: bool) -> list[Level]:
    """
    Fetch the levels that a market order would take, amounts in base units.

    :param dp: freqtrade's data provider.
    :raises NoTrade: there is no sane book.
    """
    try:
        order_book: Mapping[str, Any] = dp.orderbook(pair, BOOK_DEPTH)
    except (DependencyException, TemporaryError) as error:
        raise NoTrade(f"order book is not available: {error}") from error
    bids, asks = order_book["bids"], order_book["asks"]
    if not bids or not asks:
        raise NoTrade("order book is empty")
    if bids[0][0] >= asks[0][0]:
        raise NoTrade(f"order book is crossed: bid {bids[0][0]} >= ask {asks[0][0]}")
    contract_size = (dp.market(pair) or {}).get("contractSize") or 1.0
    return [(level[0], level[1] * contract_size) for level in (bids if is_short else asks)]


def check_liquidation(exchange: Any, pair: str, plan: Plan, stake_amount: float, leverage: float) -> None:
    """
    Refuse a position that the exchange would liquidate before its stop is reached.

    The rate is freqtrade's estimate for a position that has nothing but its own margin, moved towards the
    entry by `liquidation_buffer` as freqtrade itself does (2026.9 exchange.py `get_liquidation_price`).

    :param exchange: freqtrade's, on futures.
    :param stake_amount: the margin, in stake currency.
    :raises NoTrade: the stop lies at or beyond the liquidation.
    """
    rate = exchange.dry_run_liquidation_price(
        pair=pair,
        open_rate=plan.entry_rate,
        is_short=plan.is_short,
        amount=stake_amount * leverage / plan.entry_rate,
        stake_amount=stake_amount,
        leverage=leverage,
        wallet_balance=stake_amount,
        open_trades=[],
    )
    if rate is None:
        return
    rate += (plan.entry_rate - rate) * exchange.liquidation_buffer
    if plan.stop_rate >= rate if plan.is_short else plan.stop_rate <= rate:
        raise NoTrade(
            f"the stop at {rate_text(plan.stop_rate)} lies beyond the liquidation at {rate_text(rate)} "
            f"with leverage {leverage:g}"
        )
