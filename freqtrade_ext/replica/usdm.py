"""
Binance's public endpoints of USD-M futures.

Source: https://developers.binance.com/docs/derivatives/usds-margined-futures
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freqtrade_ext.replica import rest
from freqtrade_ext.replica.candles import INTERVALS_MS, OPEN_MS, Candles, close_ms
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange, Running
from freqtrade_ext.replica.fixed import E8, to_fixed, to_text
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.symbols import DELISTED, Symbol

ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
LIQUIDATION_FEE = "0.012500"
DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_PERPETUAL_DELIVERY_MS = 4133404800000
_BAND = ("1.0500", "0.9500")
"""PERCENT_PRICE around the mark price"""

# base: tick, step, minimum notional; as Binance had them in November 2026
_KNOWN = {
    "BTC": ("0.10", "0.001", "100"),
    "ETH": ("0.01", "0.001", "20"),
    "BNB": ("0.01", "0.01", "5"),
    "SOL": ("0.01", "0.01", "5"),
    "XRP": ("0.0001", "0.1", "5"),
}

# notional up to, greatest leverage, maintenance rate, amount deducted from the maintenance margin
BRACKETS = (
    (300_000, 150, "0.004", "0"),
    (800_000, 100, "0.005", "300"),
    (3_000_000, 75, "0.0065", "1500"),
    (12_000_000, 50, "0.01", "12000"),
    (70_000_000, 25, "0.02", "132000"),
)


def lots(symbol: Symbol) -> tuple[int, int, int]:
    """Return tick, step and minimum notional of a symbol's perpetual, in units of 1e-8."""
    known = _KNOWN.get(symbol.base)
    if known is None:
        return symbol.tick, symbol.step, to_fixed("5")
    tick, step, notional = (to_fixed(number) for number in known)
    return max(tick, symbol.tick), max(step, symbol.step), notional


def info(symbol: Symbol) -> dict[str, Any]:
    """Return a perpetual's entry in `exchangeInfo`."""
    tick, step, notional = lots(symbol)
    return {
        "symbol": symbol.name,
        "pair": symbol.name,
        "contractType": "PERPETUAL",
        "deliveryDate": _PERPETUAL_DELIVERY_MS,
        "onboardDate": 1569398400000,
        "status": symbol.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": symbol.base,
        "quoteAsset": symbol.quote,
        "marginAsset": symbol.quote,
        "pricePrecision": _places(tick),
        "quantityPrecision": _places(step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": LIQUIDATION_FEE,
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(symbol, tick, step, notional),
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
    }


def _places(grid: int) -> int:
    return len(to_text(grid).rstrip("0").partition(".")[2])


def _filters(symbol: Symbol, tick: int, step: int, notional: int) -> list[dict[str, Any]]:
    most, most_market = to_text(symbol.max_amount), to_text(symbol.max_market_amount // step * step)
    rates = {"minPrice": to_text(tick), "maxPrice": to_text(symbol.max_rate), "tickSize": to_text(tick)}
    lot = {"minQty": to_text(step), "stepSize": to_text(step)}
    up, down = _BAND
    return [
        {"filterType": "PRICE_FILTER", **rates},
        {"filterType": "LOT_SIZE", "maxQty": most, **lot},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": most_market, **lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": to_text(notional)},
        {"filterType": "PERCENT_PRICE", "multiplierUp": up, "multiplierDown": down, "multiplierDecimal": "4"},
    ]


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
    if limit is not None and limit not in DEPTHS:
        raise ApiError(-4021, f"{limit} is not valid depth limit.")
    now_ms = exchange.now_ms()
    market, shown = params.market(), 500 if limit is None else limit
    sides = {"bids": market.bids.levels(shown), "asks": market.asks.levels(shown)}
    times = {"lastUpdateId": market.update_id, "E": now_ms, "T": now_ms}
    return times | {name: rest.levels(side) for name, side in sides.items()}


def _mark_klines(exchange: Exchange, params: Params) -> Any:
    candles = _running(exchange, params).perpetual.candles
    return [
        [
            *(row[OPEN_MS], *map(to_text, row[1:5])),
            "0",
            close_ms(name, row[OPEN_MS]),
            "0",
            row[7],
            "0",
            "0",
            "0",
        ]
        for name, row in _rows(candles, params)
    ]


def _rows(candles: Candles, params: Params) -> list[tuple[str, list[int]]]:
    name = params.choice("interval", (*INTERVALS_MS, "1M"), ApiError(-1120, "Invalid interval."))
    times = params.integer("startTime"), params.integer("endTime")
    return [(name, row) for row in candles.interval(name, *times, params.limit(500, 1500)).tolist()]


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


def bracket(notional: int) -> tuple[int, int, int]:
    """Return greatest leverage, maintenance rate and deduction for a position's value, units of 1e-8."""
    _, leverage, rate, deducted = next((b for b in BRACKETS if notional <= b[0] * E8), BRACKETS[-1])
    return leverage, to_fixed(rate), to_fixed(deducted)


_SPOT = {name: handler for name, (handler, _) in rest.PUBLIC.items()}
_ONE: Callable[[Params], int] = lambda _: 1  # noqa: E731
PUBLIC: dict[str, tuple[rest.Handler, rest.Weight]] = {
    "ping": (_SPOT["ping"], _ONE),
    "time": (_SPOT["time"], _ONE),
    "exchangeInfo": (_exchange_info, _ONE),
    "depth": (_depth, _depth_weight),
    "trades": (_without(_SPOT["trades"], "isBestMatch"), lambda _: 5),
    "aggTrades": (_without(_SPOT["aggTrades"], "M"), lambda _: 20),
    "klines": (_SPOT["klines"], lambda _: 5),
    "markPriceKlines": (_mark_klines, lambda _: 5),
    "premiumIndex": (_premium_index, lambda p: 1 if "symbol" in p else 10),
    "fundingRate": (_funding_rate, _ONE),
    "fundingInfo": (_funding_info, _ONE),
    "ticker/24hr": (
        _without(_SPOT["ticker/24hr"], "bidPrice", "bidQty", "askPrice", "askQty", "prevClosePrice"),
        lambda p: 1 if "symbol" in p else 40,
    ),
    "ticker/price": (_SPOT["ticker/price"], lambda p: 1 if "symbol" in p else 2),
    "ticker/bookTicker": (_SPOT["ticker/bookTicker"], lambda p: 2 if "symbol" in p else 5),
}
"""GET /fapi/v1/..."""
