"""Payloads of Binance's market streams (web-socket-streams.md of its API documentation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade_ext.replica import rest
from freqtrade_ext.replica.candles import COUNT, FIRST_ID
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.happenings import AggTrade, Trade
from freqtrade_ext.replica.market import Market

Message = dict[str, Any]
_KLINE = "tohlcvTqnVQB"
"""names of a candle's values in a stream, in the order in which REST lists them"""


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
        "b": rest.levels(sorted(bids.items(), reverse=True)),
        "a": rest.levels(sorted(asks.items())),
    }


def best(market: Market) -> Message:
    top = rest.book_ticker(market)
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
    return {"e": "aggTrade", "E": agg.ms, "s": market.symbol.name, **rest.agg_trade(agg)}


def kline(market: Market, ms: int, interval: str, row: list[int], closed: bool) -> Message:
    """:param row: a row of `Candles`."""
    count, name = row[COUNT], market.symbol.name
    # Binance's ids of a candle without trades are -1
    first = row[FIRST_ID] if count else -1
    candle = dict(zip(_KLINE, rest.kline(interval, *row), strict=True))
    ids = {"f": first, "L": first + count - 1 if count else -1}
    return {"e": "kline", "E": ms, "s": name, "k": {"s": name, "i": interval, "x": closed, **ids, **candle}}
