"""Order limits of venues that list them otherwise than Binance, under the venue's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade_ext.fills.filters import from_limits

Filters = dict[str, dict[str, Any]]
ANY = 1e12
"""a multiplier that no rate reaches"""


def limits_of(exchange_id: str, market: Mapping[str, Any]) -> Filters:
    """
    Return the filters of a ccxt market.

    :param exchange_id: ccxt's name of the venue; one that is not known here has what ccxt read of its limits.
    """
    filters = from_limits(market)
    own = {"bybit": _bybit, "okx": _okx, "hyperliquid": _hyperliquid}.get(exchange_id)
    return filters | own(market, filters) if own else filters


def _bybit(market: Mapping[str, Any], known: Filters) -> Filters:
    """Source: https://bybit-exchange.github.io/docs/v5/market/instrument"""
    info = market["info"]
    lots, is_spot = info["lotSizeFilter"], market["spot"]
    least = lots.get("minOrderAmt" if is_spot else "minNotionalValue") or 0
    most = lots.get("maxMarketOrderQty" if is_spot else "maxMktOrderQty") or 0
    step = {"stepSize": lots.get("basePrecision" if is_spot else "qtyStep") or 0}
    step |= {"name": "basePrecision" if is_spot else "lotSizeFilter"}
    filters = {
        "LOT_SIZE": known["LOT_SIZE"] | step,
        "MARKET_LOT_SIZE": {
            "name": "maxMarketOrderQty" if is_spot else "maxMktOrderQty",
            "minQty": 0,
            "maxQty": most,
            "stepSize": 0,
        },
        "NOTIONAL": known["NOTIONAL"]
        | {"name": "minOrderAmt" if is_spot else "minNotionalValue", "minNotional": least},
    }
    if not is_spot:
        # by default a rate that is too far away is moved to the nearest allowed one, and not refused
        # https://bybit-exchange.github.io/docs/v5/account/get-user-setting-config
        return filters
    # a limit order may lie this far beyond the last rate, on the side where it would be filled
    ratios = [float(info.get("riskParameters", {}).get(f"priceLimitRatio{part}") or 0) for part in "XY"]
    if max(ratios) > 0:
        filters["PERCENT_PRICE_BY_SIDE"] = {
            "name": "priceLimitRatio",
            "bidMultiplierUp": 1 + max(ratios),
            "bidMultiplierDown": 0,
            "askMultiplierUp": ANY,
            "askMultiplierDown": 1 - max(ratios),
        }
    return filters


def _okx(market: Mapping[str, Any], known: Filters) -> Filters:
    """
    Source: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments

    `maxMktSz` counts contracts, and on spot what a market order may cost in dollars.
    """
    info = market["info"]
    most = info.get("maxMktSz") or 0
    filters = {"LOT_SIZE": known["LOT_SIZE"] | {"name": "minSz", "stepSize": info.get("lotSz") or 0}}
    if market["spot"]:
        return filters | {"NOTIONAL": known["NOTIONAL"] | {"name": "maxMktSz", "maxNotional": most}}
    market_size = {"name": "maxMktSz", "minQty": 0, "maxQty": most, "stepSize": 0}
    return filters | {"MARKET_LOT_SIZE": market_size}


def _hyperliquid(market: Mapping[str, Any], known: Filters) -> Filters:
    """Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/error-responses"""
    return {"NOTIONAL": known["NOTIONAL"] | {"name": "MinTradeNtl"}}
