"""
Binance's Price Range Execution Rule, and the reference price it is measured by.

Source: faqs/price_range_execution_rules.md of its spot API documentation. The reference price is set from
outside, as by a human operator (external calculation method 0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.happenings import BuySell
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.symbols import Symbol

EXCEEDED = "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
_MULTIPLIERS = ("bidLimitMultUp", "bidLimitMultDown", "askLimitMultUp", "askLimitMultDown")


def read(multipliers: Mapping[str, object]) -> dict[str, str]:
    """
    Return the rule's multipliers by Binance's names, each of which may be missing.

    :raises ValueError: there is none of that name, or it is no positive number.
    """
    if not multipliers.keys() <= set(_MULTIPLIERS):
        raise ValueError(f"the price range has {', '.join(_MULTIPLIERS)}, not {', '.join(multipliers)}")
    if not all(0 < Decimal(str(value)) < Decimal("Infinity") for value in multipliers.values()):
        raise ValueError(f"multipliers must be above 0, are {dict(multipliers)}")
    return {name: str(value) for name, value in multipliers.items()}


def rates(symbol: Symbol, side: BuySell) -> tuple[int, int | None]:
    """Return the lowest and the highest rate at which a taker may be executed; None for no end."""
    if not symbol.reference:
        return 0, None
    name = "bid" if side == "buy" else "ask"
    down, up = (symbol.price_range.get(f"{name}LimitMult{end}") for end in ("Down", "Up"))
    lowest = math.ceil(symbol.reference * Decimal(down)) if down else 0
    return lowest, math.floor(symbol.reference * Decimal(up)) if up else None


def execution_rules(exchange: Exchange, params: Params) -> Any:
    """Answer `GET /api/v3/executionRules`."""
    symbols = [market.symbol for market in params.markets()]
    return {
        "symbolRules": [
            {
                "symbol": symbol.name,
                "rules": [{"ruleType": "PRICE_RANGE", **symbol.price_range}] if symbol.price_range else [],
            }
            for symbol in symbols
        ]
    }


def reference_price(exchange: Exchange, params: Params) -> Any:
    """Answer `GET /api/v3/referencePrice`."""
    symbol = params.market().symbol
    if symbol.reference is None:
        raise ApiError(-2043, "This symbol doesn't have a reference price.")
    rate = to_text(symbol.reference) if symbol.reference else None
    return {"symbol": symbol.name, "referencePrice": rate, "timestamp": exchange.now_ms()}


def weight(params: Params) -> int:
    """Return what a request for execution rules costs."""
    return 40 if "symbol" not in params and "symbols" not in params else min(2 * len(params.markets()), 40)
