"""What an order depends on at the exchange: the book, the largest market order, where it would liquidate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import DependencyException, TemporaryError

from freqtrade_ext.fills.book import Level
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.text import rate_text

BOOK_DEPTH = 100
"""levels looked at before an entry; up to here Binance weighs them the same"""


def most_per_order(market: Mapping[str, Any]) -> float:
    """Return the largest market order in base units, of a market as ccxt describes it."""
    most = (market.get("limits", {}).get("market") or {}).get("max")
    return math.inf if most is None else float(most * (market.get("contractSize") or 1.0))


def sane_book(dp: Any, pair: str) -> tuple[list[Level], list[Level]]:
    """
    Fetch bids and asks, best first, amounts in base units.

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
    both = ([(level[0], level[1] * contract_size) for level in side] for side in (bids, asks))
    return next(both), next(both)


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
