"""What is listed: trading rules as `exchangeInfo` shows them, and the size of each generated market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from freqtrade_ext.replica.fixed import E8, to_fixed, to_text

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"]
DELISTED = "DELISTED"
"""status of a pair that is no longer listed; not one of Binance's"""
STP_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
]
MAX_NUM_ORDERS = 200
MAX_NUM_ALGO_ORDERS = 5
MULTIPLIER_UP = 5
MULTIPLIER_DOWN = "0.2"
AVG_PRICE_MINUTES = 5
MAX_NOTIONAL = "9000000.00000000"

# base: rate to start at, tick, step, largest amount, largest market order, minimum notional, quote
# units shown at the touch, orders and cancels per second. The trading rules are Binance's of 2024-09-08.
_KNOWN: dict[str, tuple[str, str, str, str, str, str, float, float]] = {
    "BTC": ("104800", "0.01", "0.00001", "9000", "129.84957276", "5", 90_000, 24),
    "ETH": ("2520", "0.01", "0.0001", "9000", "3125.75267907", "5", 40_000, 18),
    "BNB": ("652", "0.1", "0.001", "900000", "4883.52236820", "5", 30_000, 8),
    "SOL": ("151", "0.01", "0.001", "90000", "64306.31937238", "5", 25_000, 12),
    "XRP": ("2.18", "0.0001", "1", "9222449", "4886361.72803347", "5", 20_000, 12),
    "DOGE": ("0.182", "0.00001", "1", "9000000", "19499637.40167364", "1", 8_000, 8),
    "ADA": ("0.664", "0.0001", "0.1", "900000", "1922825.07447698", "5", 6_000, 6),
    "AVAX": ("19.2", "0.01", "0.01", "90000", "40749.41242677", "5", 3_000, 4),
    "LINK": ("13.6", "0.01", "0.01", "90000", "79751.87573221", "5", 3_000, 4),
    "LTC": ("87.5", "0.01", "0.001", "90000", "16571.04371129", "5", 2_500, 4),
    "TRX": ("0.272", "0.0001", "0.1", "9000000", "6926732.66234309", "5", 6_000, 4),
    "DOT": ("4.05", "0.001", "0.01", "90000", "133560.54163179", "5", 1_500, 3),
    "NEXO": ("1.214", "0.001", "0.01", "92141578", "56652.43071129", "5", 1_200, 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A listed pair; rates and amounts in units of 1e-8."""

    base: str
    quote: str
    tick: int
    step: int
    max_rate: int
    max_amount: int
    max_market_amount: int
    min_notional: int
    status: str = "TRADING"
    """as Binance words it, or `DELISTED`"""
    start_rate: int
    is_known: bool
    """whether the trading rules are Binance's"""
    touch_cost: float
    """quote units that a level at the touch typically shows"""
    pace: float
    """orders, cancels and trades of others per second"""
    price_range: Mapping[str, str] = field(default_factory=dict)
    """multipliers of the reference price by Binance's names, where the symbol has an execution rule"""
    reference: int | None = None
    """reference price; 0 where it is not set now, None where it never was"""

    @property
    def name(self) -> str:
        return self.base + self.quote

    @property
    def pair(self) -> str:
        return f"{self.base}/{self.quote}"

    @property
    def perpetual(self) -> str:
        """The pair of its perpetual future, as freqtrade names it."""
        return f"{self.pair}:{self.quote}"

    def info(self) -> dict[str, Any]:
        """Its entry in `exchangeInfo`."""
        return {
            "symbol": self.name,
            "status": self.status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ORDER_TYPES,
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": False,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self._filters(),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": STP_MODES,
        }

    def _filters(self) -> list[dict[str, Any]]:
        none = to_text(0)
        tick, step = to_text(self.tick), to_text(self.step)
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": to_text(self.max_rate),
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": to_text(self.max_amount), "stepSize": step},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": none,
                "maxQty": to_text(self.max_market_amount),
                "stepSize": none,
            },
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": 10,
                "maxTrailingAboveDelta": 2000,
                "minTrailingBelowDelta": 10,
                "maxTrailingBelowDelta": 2000,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": str(MULTIPLIER_UP),
                "bidMultiplierDown": MULTIPLIER_DOWN,
                "askMultiplierUp": str(MULTIPLIER_UP),
                "askMultiplierDown": MULTIPLIER_DOWN,
                "avgPriceMins": AVG_PRICE_MINUTES,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": to_text(self.min_notional),
                "applyMinToMarket": True,
                "maxNotional": MAX_NOTIONAL,
                "applyMaxToMarket": False,
                "avgPriceMins": AVG_PRICE_MINUTES,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_NUM_ORDERS},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MAX_NUM_ALGO_ORDERS},
        ]


def listed(pair: str) -> Symbol:
    """
    The trading rules of a pair: those of Binance's pair in USDT where known, else of a thin invented market.

    :param pair: such as BTC/USDT.
    :raises ValueError: where it is not BASE/QUOTE.
    """
    base, _, quote = pair.partition("/")
    if not base.isalnum() or not quote.isalnum():
        raise ValueError(f"a pair looks like BTC/USDT, not {pair!r}")
    # against other stablecoins and currencies much as against USDT
    rules = _KNOWN.get(base) if quote not in _KNOWN else None
    rate, tick, step, max_amount, max_market, min_notional, touch_cost, pace = rules or _invented(base)
    return Symbol(
        base=base,
        quote=quote,
        tick=to_fixed(tick),
        step=to_fixed(step),
        max_rate=to_fixed(tick) * E8,
        max_amount=to_fixed(max_amount),
        max_market_amount=to_fixed(max_market),
        min_notional=to_fixed(min_notional),
        start_rate=to_fixed(rate),
        is_known=rules is not None,
        touch_cost=touch_cost,
        pace=pace,
    )


def _invented(base: str) -> tuple[str, str, str, str, str, str, float, float]:
    """A thin market for a name that is not in the table, always the same for the same name."""
    rate = 0.5 + crc32(base.encode()) % 2000 / 100
    return f"{rate:.3f}", "0.001", "0.01", "9000000", "90000", "5", 400, 1.5
