"""Payloads of Binance's market streams (web-socket-streams.md of its API documentation)."""

from __future__ import annotations

from collections.abc import Mapping
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
    LOW,
    OPEN,
    OPEN_MS,
    close_ms,
)
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.happenings import AggTrade, Trade
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.rest import book_ticker, levels, ticker

Message = dict[str, Any]


def depth_update(
    market: Market, ms: int, first_id: int, last_id: int, bids: Mapping[int, int], asks: Mapping[int, int]
) -> Message:
    """:param bids: new amounts by rate, 0 where a level is gone."""
    return {
        "e": "depthUpdate",
        "E": ms,
        "s": market.symbol.name,
        "U": first_id,
        "u": last_id,
        "b": levels(sorted(bids.items(), reverse=True)),
        "a": levels(sorted(asks.items())),
    }


def best(market: Market) -> Message:
    top = book_ticker(market)
    return {
        "u": market.update_id,
        "s": top["symbol"],
        "b": top["bidPrice"],
        "B": top["bidQty"],
        "a": top["askPrice"],
        "A": top["askQty"],
    }


def trade(market: Market, printed: Trade) -> Message:
    return {
        "e": "trade",
        "E": printed.ms,
        "s": market.symbol.name,
        "t": printed.id,
        "p": to_text(printed.rate),
        "q": to_text(printed.amount),
        "T": printed.ms,
        "m": printed.is_buyer_maker,
        "M": True,
    }


def agg_trade(market: Market, agg: AggTrade) -> Message:
    return {
        "e": "aggTrade",
        "E": agg.ms,
        "s": market.symbol.name,
        "a": agg.id,
        "p": to_text(agg.rate),
        "q": to_text(agg.amount),
        "f": agg.first,
        "l": agg.last,
        "T": agg.ms,
        "m": agg.is_buyer_maker,
        "M": True,
    }


def kline(market: Market, ms: int, interval: str, row: list[int], closed: bool) -> Message:
    """:param row: a row of `Candles`."""
    count = row[COUNT]
    return {
        "e": "kline",
        "E": ms,
        "s": market.symbol.name,
        "k": {
            "t": row[OPEN_MS],
            "T": close_ms(interval, row[OPEN_MS]),
            "s": market.symbol.name,
            "i": interval,
            # Binance's ids of a candle without trades
            "f": row[FIRST_ID] if count else -1,
            "L": row[FIRST_ID] + count - 1 if count else -1,
            "o": to_text(row[OPEN]),
            "c": to_text(row[CLOSE]),
            "h": to_text(row[HIGH]),
            "l": to_text(row[LOW]),
            "v": to_text(row[AMOUNT]),
            "n": count,
            "x": closed,
            "q": to_text(row[COST]),
            "V": to_text(row[BUY_AMOUNT]),
            "Q": to_text(row[BUY_COST]),
            "B": "0",
        },
    }


_TICKER = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_MINI_TICKER = ("c", "o", "h", "l", "v", "q")


def day_ticker(market: Market, ms: int) -> Message:
    full = ticker(market, ms)
    head = {"e": "24hrTicker", "E": ms, "s": market.symbol.name}
    return head | {short: full[name] for short, name in _TICKER.items()}


def mini_ticker(market: Market, ms: int) -> Message:
    full = ticker(market, ms)
    head = {"e": "24hrMiniTicker", "E": ms, "s": market.symbol.name}
    return head | {short: full[_TICKER[short]] for short in _MINI_TICKER}
