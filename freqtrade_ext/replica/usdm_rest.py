"""
Binance's public endpoints of USD-M futures.

Source: https://developers.binance.com/docs/derivatives/usds-margined-futures
"""

from __future__ import annotations

from typing import Any

from freqtrade_ext.replica import rest
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange, Running
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.symbols import DELISTED
from freqtrade_ext.replica.usdm_symbols import info

_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)


def _running(exchange: Exchange, params: Params) -> Running:
    return exchange.running[params.market().symbol.name]


def _exchange_info(exchange: Exchange, params: Params) -> Any:
    assets = dict.fromkeys(market.symbol.quote for market in exchange.markets)
    return {
        "timezone": "UTC",
        "serverTime": exchange.now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": a, "marginAvailable": True, "autoAssetExchange": "-10000"} for a in assets],
        "symbols": [info(market.symbol) for market in exchange.markets if market.symbol.status != DELISTED],
    }


def _depth(exchange: Exchange, params: Params) -> Any:
    limit = params.integer("limit")
    if limit is not None and limit not in _DEPTHS:
        raise ApiError(-4021, f"{limit} is not valid depth limit.")
    now_ms = exchange.now_ms()
    market, shown = params.market(), 500 if limit is None else limit
    sides = {"bids": market.bids.levels(shown), "asks": market.asks.levels(shown)}
    times = {"lastUpdateId": market.update_id, "E": now_ms, "T": now_ms}
    return times | {name: rest.levels(side) for name, side in sides.items()}


def _mark_klines(exchange: Exchange, params: Params) -> Any:
    """A mark price has candles, but no volume."""
    candles = _running(exchange, params).perpetual.candles
    rows = rest.candles(candles, params, 1500)
    return [[*row[:5], "0", row[6], "0", row[8], "0", "0", "0"] for row in rows]


def _premium_index(exchange: Exchange, params: Params) -> Any:
    def answer(market: Market) -> dict[str, Any]:
        now_ms, perpetual = exchange.now_ms(), exchange.running[market.symbol.name].perpetual
        due_ms = perpetual.next_funding_ms(now_ms)
        return {
            "symbol": market.symbol.name,
            "markPrice": to_text(perpetual.mark),
            "indexPrice": to_text(perpetual.mark),
            "estimatedSettlePrice": to_text(perpetual.mark),
            "lastFundingRate": to_text(perpetual.funding_rate(due_ms)),
            "interestRate": "0.00010000",
            "nextFundingTime": due_ms,
            "time": now_ms,
        }

    return rest.one_or_all(params, answer)


def _funding_rate(exchange: Exchange, params: Params) -> Any:
    now_ms = exchange.now_ms()
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    perpetual, symbol = _running(exchange, params).perpetual, params.text("symbol")
    end_ms = now_ms if end_ms is None else min(end_ms, now_ms)
    limit = params.limit(100, 1000)
    first_ms = end_ms - limit * perpetual.funding_ms if start_ms is None else start_ms
    times = perpetual.fundings(first_ms, end_ms)
    return [
        {
            "symbol": symbol,
            "fundingTime": ms,
            "fundingRate": to_text(perpetual.funding_rate(ms)),
            "markPrice": to_text(perpetual.mark_at(ms)),
        }
        for ms in (times[-limit:] if start_ms is None else times[:limit])
    ]


def _funding_info(exchange: Exchange, params: Params) -> Any:
    return [
        {
            "symbol": name,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": running.perpetual.funding_ms // 3_600_000,
        }
        for name, running in exchange.running.items()
    ]


def _without(handler: rest.Handler, *names: str) -> rest.Handler:
    """Answer as spot does, without what futures leave out."""

    def handle(exchange: Exchange, params: Params) -> Any:
        answer = handler(exchange, params)
        rows = answer if isinstance(answer, list) else [answer]
        for row in rows:
            for name in names:
                row.pop(name, None)
        return answer

    return handle


def _depth_weight(params: Params) -> int:
    limit = params.integer("limit") or 500
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


_SPOT = {name: handler for name, (handler, _) in rest.PUBLIC.items()}
PUBLIC: dict[str, tuple[rest.Handler, rest.Weight]] = {
    "ping": (_SPOT["ping"], 1),
    "time": (_SPOT["time"], 1),
    "exchangeInfo": (_exchange_info, 1),
    "depth": (_depth, _depth_weight),
    "trades": (_without(_SPOT["trades"], "isBestMatch"), 5),
    "aggTrades": (_without(_SPOT["aggTrades"], "M"), 20),
    "klines": (_SPOT["klines"], 5),
    "markPriceKlines": (_mark_klines, 5),
    "premiumIndex": (_premium_index, lambda p: 1 if "symbol" in p else 10),
    "fundingRate": (_funding_rate, 1),
    "fundingInfo": (_funding_info, 1),
    "ticker/24hr": (
        _without(_SPOT["ticker/24hr"], "bidPrice", "bidQty", "askPrice", "askQty", "prevClosePrice"),
        lambda p: 1 if "symbol" in p else 40,
    ),
    "ticker/price": (_SPOT["ticker/price"], lambda p: 1 if "symbol" in p else 2),
    "ticker/bookTicker": (_SPOT["ticker/bookTicker"], lambda p: 2 if "symbol" in p else 5),
}
"""GET /fapi/v1/..."""
