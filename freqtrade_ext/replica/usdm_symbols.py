"""Trading rules of USD-M perpetuals: steps, filters and leverage brackets."""

from __future__ import annotations

from typing import Any

from freqtrade_ext.replica.fixed import E8, to_fixed, to_text
from freqtrade_ext.replica.symbols import Symbol

ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
LIQUIDATION_FEE = "0.012500"
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


def bracket(notional: int) -> tuple[int, int, int]:
    """Return greatest leverage, maintenance rate and deduction for a position's value, units of 1e-8."""
    _, leverage, rate, deducted = next((b for b in BRACKETS if notional <= b[0] * E8), BRACKETS[-1])
    return leverage, to_fixed(rate), to_fixed(deducted)
