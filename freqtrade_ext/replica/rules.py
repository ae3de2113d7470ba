"""What the exchange checks before an order reaches the book (filters.md of Binance's API documentation)."""

from __future__ import annotations

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.fixed import cost, to_fixed
from freqtrade_ext.replica.happenings import BuySell
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.rest import average_rate
from freqtrade_ext.replica.symbols import (
    MAX_NOTIONAL,
    MAX_NUM_ALGO_ORDERS,
    MAX_NUM_ORDERS,
    MULTIPLIER_DOWN,
    MULTIPLIER_UP,
)

_DOWN = 1 / float(MULTIPLIER_DOWN)


def failure(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def _measure(market: Market) -> int:
    """Return what bands and market orders are measured by: the reference price where there is one."""
    return market.symbol.reference or average_rate(market)


def check_rate(market: Market, side: BuySell, rate: int) -> None:
    """PRICE_FILTER and PERCENT_PRICE_BY_SIDE; both sides of our symbols have the same multipliers."""
    symbol = market.symbol
    if rate % symbol.tick or not symbol.tick <= rate <= symbol.max_rate:
        raise failure("PRICE_FILTER")
    average = _measure(market)
    if rate > average * MULTIPLIER_UP or rate * _DOWN < average:
        raise failure("PERCENT_PRICE_BY_SIDE")


def check_stop_rate(market: Market, rate: int) -> None:
    if rate % market.symbol.tick or not market.symbol.tick <= rate <= market.symbol.max_rate:
        raise failure("PRICE_FILTER")


def check_amount(market: Market, amount: int, is_market: bool) -> None:
    """LOT_SIZE, and MARKET_LOT_SIZE, which has neither a smallest amount nor a step."""
    symbol = market.symbol
    if amount % symbol.step or not symbol.step <= amount <= symbol.max_amount:
        raise failure("LOT_SIZE")
    if is_market and amount > symbol.max_market_amount:
        raise failure("MARKET_LOT_SIZE")


def check_notional(market: Market, amount: int, rate: int | None) -> None:
    """NOTIONAL; a market order is valued by the reference price or the average, and has no upper limit."""
    value = cost(_measure(market) if rate is None else rate, amount)
    if value < market.symbol.min_notional or (rate is not None and value > to_fixed(MAX_NOTIONAL)):
        raise failure("NOTIONAL")


def check_count(open_orders: int, open_stops: int, is_stop: bool) -> None:
    if open_orders >= MAX_NUM_ORDERS:
        raise failure("MAX_NUM_ORDERS")
    if is_stop and open_stops >= MAX_NUM_ALGO_ORDERS:
        raise failure("MAX_NUM_ALGO_ORDERS")
