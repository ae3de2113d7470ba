"""Binance's public REST endpoints: paths, weights, answers (rest-api.md of its API documentation)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from freqtrade_ext.replica.candles import (
    AMOUNT,
    BUY_AMOUNT,
    BUY_COST,
    CLOSE,
    COST,
    COUNT,
    FIRST_ID,
    HIGH,
    INTERVALS_MS,
    LOW,
    OPEN,
    OPEN_MS,
    Candles,
    close_ms,
)
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import cost, to_text
from freqtrade_ext.replica.happenings import AggTrade
from freqtrade_ext.replica.market import Market, since_id, since_ms
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.price_range import execution_rules, reference_price, weight
from freqtrade_ext.replica.symbols import AVG_PRICE_MINUTES, RATE_LIMITS

DAY_MINUTES = 1440
Handler = Callable[[Exchange, Params], Any]
Weight = int | Callable[[Params], int]
Route = tuple[str, str, Callable[[Params], Any], Weight]
"""a signed endpoint: method, path, answer and weight"""


def levels(side: list[tuple[int, int]]) -> list[list[str]]:
    return [[to_text(rate), to_text(amount)] for rate, amount in side]


def _ping(exchange: Exchange, params: Params) -> Any:
    return {}


def _time(exchange: Exchange, params: Params) -> Any:
    return {"serverTime": exchange.now_ms()}


def _exchange_info(exchange: Exchange, params: Params) -> Any:
    return {
        "timezone": "UTC",
        "serverTime": exchange.now_ms(),
        "rateLimits": RATE_LIMITS,
        "exchangeFilters": [],
        "symbols": [market.symbol.info() for market in params.markets()],
    }


def _depth(exchange: Exchange, params: Params) -> Any:
    market, limit = params.market(), params.limit(100, 5000)
    return {
        "lastUpdateId": market.update_id,
        "bids": levels(market.bids.levels(limit)),
        "asks": levels(market.asks.levels(limit)),
    }


def _klines(exchange: Exchange, params: Params) -> Any:
    return candles(params.market().candles, params, 1000)


def candles(candles: Candles, params: Params, most: int) -> list[tuple[Any, ...]]:
    """Return the candles that a request asks for, as Binance lists them; 500 of them, or up to `most`."""
    name = params.choice("interval", (*INTERVALS_MS, "1M"), ApiError(-1120, "Invalid interval."))
    times = params.integer("startTime"), params.integer("endTime")
    return [kline(name, *row) for row in candles.interval(name, *times, params.limit(500, most)).tolist()]


@lru_cache(maxsize=5000)
def kline(name: str, *row: int) -> tuple[Any, ...]:
    """Write a candle; a bot asks for the same ones each time, but for the last."""
    return (
        row[OPEN_MS],
        to_text(row[OPEN]),
        to_text(row[HIGH]),
        to_text(row[LOW]),
        to_text(row[CLOSE]),
        to_text(row[AMOUNT]),
        close_ms(name, row[OPEN_MS]),
        to_text(row[COST]),
        row[COUNT],
        to_text(row[BUY_AMOUNT]),
        to_text(row[BUY_COST]),
        "0",
    )


def _trades(exchange: Exchange, params: Params) -> Any:
    return [
        {
            "id": trade.id,
            "price": to_text(trade.rate),
            "qty": to_text(trade.amount),
            "quoteQty": to_text(cost(trade.rate, trade.amount)),
            "time": trade.ms,
            "isBuyerMaker": trade.is_buyer_maker,
            "isBestMatch": True,
        }
        for trade in params.market().trades[-params.limit(500, 1000) :]
    ]


def agg_trade(agg: AggTrade) -> dict[str, Any]:
    return {
        "a": agg.id,
        "p": to_text(agg.rate),
        "q": to_text(agg.amount),
        "f": agg.first,
        "l": agg.last,
        "T": agg.ms,
        "m": agg.is_buyer_maker,
        "M": True,
    }


def _agg_trades(exchange: Exchange, params: Params) -> Any:
    tape, limit = params.market().agg_trades, params.limit(500, 1000)
    from_id, start_ms, end_ms = (params.integer(name) for name in ("fromId", "startTime", "endTime"))
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    end = len(tape) if end_ms is None else since_ms(tape, end_ms + 1)
    if from_id is not None:
        start = since_id(tape, from_id)
    elif start_ms is not None:
        start = since_ms(tape, start_ms)
    else:
        start = max(end - limit, 0)
    return [agg_trade(agg) for agg in tape[start : min(start + limit, end)]]


def average_rate(market: Market) -> int:
    """Weighted average rate of the last five minutes; the last rate where nothing traded."""
    rows = market.candles.minutes(AVG_PRICE_MINUTES)
    amount = int(rows[:, AMOUNT].sum())
    return int(rows[:, COST].sum()) * 100_000_000 // amount if amount else market.last


def _avg_price(exchange: Exchange, params: Params) -> Any:
    market = params.market()
    closed = market.trades[-1].ms if market.trades else exchange.now_ms()
    return {"mins": AVG_PRICE_MINUTES, "price": to_text(average_rate(market)), "closeTime": closed}


def one_or_all(params: Params, answer: Callable[[Market], dict[str, Any]]) -> Any:
    """Answer for `symbol` alone, or with a list for `symbols`, or for all there are."""
    if "symbol" in params and "symbols" in params:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    answers = [answer(market) for market in params.markets()]
    return answers[0] if "symbol" in params else answers


def _ticker(market: Market, now_ms: int) -> dict[str, Any]:
    """Statistics of the last 24 hours, by whole minutes."""
    rows = market.candles.minutes(DAY_MINUTES)
    opened, high, low = int(rows[0, OPEN]), int(rows[:, HIGH].max()), int(rows[:, LOW].min())
    amount, paid, count = (int(rows[:, column].sum()) for column in (AMOUNT, COST, COUNT))
    change = market.last - opened
    first = int(rows[0, FIRST_ID])
    return {
        **book_ticker(market),
        "priceChange": to_text(change),
        "priceChangePercent": f"{change / opened * 100:.3f}",
        "weightedAvgPrice": to_text(paid * 100_000_000 // amount if amount else market.last),
        "prevClosePrice": to_text(opened),
        "lastPrice": to_text(market.last),
        "lastQty": to_text(market.trades[-1].amount if market.trades else 0),
        "openPrice": to_text(opened),
        "highPrice": to_text(high),
        "lowPrice": to_text(low),
        "volume": to_text(amount),
        "quoteVolume": to_text(paid),
        "openTime": now_ms - DAY_MINUTES * 60_000,
        "closeTime": now_ms,
        "firstId": first,
        "lastId": first + count - 1,
        "count": count,
    }


def _ticker_24hr(exchange: Exchange, params: Params) -> Any:
    return one_or_all(params, lambda market: _ticker(market, exchange.now_ms()))


def _ticker_price(exchange: Exchange, params: Params) -> Any:
    return one_or_all(params, lambda market: {"symbol": market.symbol.name, "price": to_text(market.last)})


def book_ticker(market: Market) -> dict[str, Any]:
    full: dict[str, Any] = {}
    for name, side in (("bid", market.bids), ("ask", market.asks)):
        rate, amount = (side.levels(1) or [(0, 0)])[0]
        full |= {f"{name}Price": to_text(rate), f"{name}Qty": to_text(amount)}
    return {"symbol": market.symbol.name, **full}


def _book_ticker(exchange: Exchange, params: Params) -> Any:
    return one_or_all(params, book_ticker)


def _depth_weight(params: Params) -> int:
    limit = params.limit(100, 5000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _tickers_weight(params: Params) -> int:
    count = 101 if "symbol" not in params and "symbols" not in params else len(params.markets())
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _rates_weight(params: Params) -> int:
    return 2 if "symbol" in params else 4


PUBLIC: dict[str, tuple[Handler, Weight]] = {
    "ping": (_ping, 1),
    "time": (_time, 1),
    "exchangeInfo": (_exchange_info, 20),
    "depth": (_depth, _depth_weight),
    "trades": (_trades, 25),
    "aggTrades": (_agg_trades, 4),
    "klines": (_klines, 2),
    "avgPrice": (_avg_price, 2),
    "executionRules": (execution_rules, weight),
    "referencePrice": (reference_price, 2),
    "ticker/24hr": (_ticker_24hr, _tickers_weight),
    "ticker/price": (_ticker_price, _rates_weight),
    "ticker/bookTicker": (_book_ticker, _rates_weight),
}
"""GET /api/v3/..."""
