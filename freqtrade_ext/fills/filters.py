"""The exchange's order filters, checked as the exchange checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from freqtrade_ext.fills.book import BuySell

SURELY = 4.0
"""the average rate of the last minutes lies within this factor of the best rate"""

Filters = Mapping[str, Mapping[str, Any]]
"""filterType -> its fields, as in Binance's exchangeInfo; `name` where the venue calls it otherwise"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the filters look at."""

    side: BuySell
    is_market: bool
    amount: float
    """base units (contracts on futures)"""
    rate: float | None
    """limit rate; None for market orders"""
    stop_rate: float | None = None
    reduce_only: bool = False
    open_orders: int = 0
    """of the account on this pair, before this one"""
    open_stops: int = 0
    """of these, stops that wait"""
    position: float = 0.0
    """coins of the account, and those that its open orders buy, in base units"""


def from_limits(market: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a ccxt market's limits as Binance's filters, for exchanges that list no filters."""
    limits = market.get("limits") or {}
    amount, cost, price = (limits.get(k) or {} for k in ("amount", "cost", "price"))
    return {
        "LOT_SIZE": {"minQty": amount.get("min") or 0, "maxQty": amount.get("max") or 0, "stepSize": 0},
        "PRICE_FILTER": {"minPrice": price.get("min") or 0, "maxPrice": price.get("max") or 0, "tickSize": 0},
        "NOTIONAL": {
            "minNotional": cost.get("min") or 0,
            "maxNotional": cost.get("max") or 0,
            "applyMinToMarket": True,
            "applyMaxToMarket": True,
        },
    }


def rejection(
    order: Candidate, filters: Filters, best_rate: float, average_rate: Callable[[], float]
) -> str | None:
    """
    Return why the exchange rejects the order, naming filter, limit and value; None if it accepts it.

    Source: https://developers.binance.com/docs/binance-spot-api-docs/filters

    :param best_rate: best opposite rate of the book.
    :param average_rate: the rate that market orders and price bands are measured by. Asked for wherever
        `best_rate` leaves doubt.
    """
    try:
        return next((reason for reason in _reasons(order, filters, best_rate, average_rate) if reason), None)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # freqtrade survives a refused order, and no other error
        return f"Filter failure: the exchange's filters cannot be read: {error!r}"


def _reasons(
    order: Candidate, filters: Filters, best_rate: float, average_rate: Callable[[], float]
) -> Iterator[str | None]:
    yield _lot_size(order, filters.get("LOT_SIZE"), "LOT_SIZE")
    if order.is_market:
        yield _lot_size(order, filters.get("MARKET_LOT_SIZE"), "MARKET_LOT_SIZE")
    for rate in (order.rate, order.stop_rate):
        if rate is not None:
            yield _price(rate, filters.get("PRICE_FILTER"))
    if order.rate is not None:
        yield _percent_price(order.side, order.rate, filters, best_rate, average_rate)
    yield _count("MAX_NUM_ORDERS", "maxNumOrders", order.open_orders, filters)
    if order.stop_rate is not None:
        yield _count("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", order.open_stops, filters)
    if order.side == "buy" and (most := filters.get("MAX_POSITION")):
        yield _range("MAX_POSITION", "position", order.position + order.amount, 0, most["maxPosition"])
    if not order.reduce_only:  # of futures, "no smaller than 5 (unless you choose reduce only)", error -4164
        yield _notional(order, filters, best_rate, average_rate)


def _range(name: str, what: str, value: float, low: Any, high: Any) -> str | None:
    """Compare against a lower and an upper limit, 0 meaning none."""
    if value < float(low or 0):
        return f"Filter failure: {name}: {what} {value:.12g} < {float(low):.12g}"
    if 0 < float(high or 0) < value:
        return f"Filter failure: {name}: {what} {value:.12g} > {float(high):.12g}"
    return None


def _count(name: str, field: str, others: int, filters: Filters) -> str | None:
    """Compare the open orders, this one included, with the most that are allowed; futures say `limit`."""
    rule = filters.get(name)
    return _range(name, "open orders", others + 1, 0, rule.get(field, rule.get("limit"))) if rule else None


def _step(name: str, what: str, value: float, step: Any) -> str | None:
    """Check that the value lies on the grid; decimal, as binary fractions of 0.1 never do."""
    grid = Decimal(str(step or 0))
    if grid > 0 and Decimal(repr(value)) % grid != 0:
        return f"Filter failure: {name}: {what} {value:.12g} is not a multiple of {float(grid):.12g}"
    return None


def _lot_size(order: Candidate, rule: Mapping[str, Any] | None, name: str) -> str | None:
    if rule is None:
        return None
    name = rule.get("name", name)
    return _range(name, "amount", order.amount, rule["minQty"], rule["maxQty"]) or _step(
        name, "amount", order.amount, rule["stepSize"]
    )


def _price(rate: float, rule: Mapping[str, Any] | None) -> str | None:
    if rule is None:
        return None
    return _range("PRICE_FILTER", "rate", rate, rule["minPrice"], rule["maxPrice"]) or _step(
        "PRICE_FILTER", "rate", rate, rule["tickSize"]
    )


def _percent_price(
    side: BuySell, rate: float, filters: Filters, best_rate: float, average_rate: Callable[[], float]
) -> str | None:
    if by_side := filters.get("PERCENT_PRICE_BY_SIDE"):
        name = by_side.get("name", "PERCENT_PRICE_BY_SIDE")
        prefix = "bid" if side == "buy" else "ask"
        up, down = float(by_side[f"{prefix}MultiplierUp"]), float(by_side[f"{prefix}MultiplierDown"])
    elif both := filters.get("PERCENT_PRICE"):
        name, up, down = "PERCENT_PRICE", float(both["multiplierUp"]), float(both["multiplierDown"])
    else:
        return None
    if down * SURELY <= rate / best_rate <= up / SURELY:
        return None
    average = average_rate()
    return _range(name, "rate", rate, average * down, average * up)


def _notional(
    order: Candidate, filters: Filters, best_rate: float, average_rate: Callable[[], float]
) -> str | None:
    low: Any = 0
    high: Any = 0
    if rule := filters.get("NOTIONAL"):
        name = rule.get("name", "NOTIONAL")
        low = rule["minNotional"] if not order.is_market or rule.get("applyMinToMarket") else 0
        high = rule["maxNotional"] if not order.is_market or rule.get("applyMaxToMarket") else 0
    elif rule := filters.get("MIN_NOTIONAL"):
        name = "MIN_NOTIONAL"
        # futures name it `notional`
        minimum = rule.get("minNotional", rule.get("notional"))
        low = minimum if not order.is_market or rule.get("applyToMarket", True) else 0
    else:
        return None
    rate = order.rate
    if rate is None:
        rough = order.amount * best_rate
        clear = rough > SURELY * float(low or 0) and (not float(high or 0) or rough < float(high) / SURELY)
        rate = best_rate if clear else average_rate()
    return _range(name, "notional", order.amount * rate, low, high)
