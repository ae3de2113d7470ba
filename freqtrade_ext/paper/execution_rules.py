"""The rates between which an order may take: Binance's execution rules on spot, and OKX's price limits."""

from __future__ import annotations

import math
from typing import Any

import ccxt
from freqtrade.exchange import Exchange
from freqtrade.util import FtTTLCache

from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.paper.asking import sensible
from freqtrade_ext.paper.stock import ccxt_client

RULES_SECONDS = 3600
"""how long an answer is believed; freqtrade's markets likewise"""


class ExecutionRules:
    """Asks for them pair by pair."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rarely: FtTTLCache = FtTTLCache(maxsize=1000, ttl=RULES_SECONDS)

    def range(self, pair: str, side: BuySell) -> tuple[float, float]:
        """
        Return the rates between which an order that takes may be executed.

        Sources: "Price Range Execution Rule" of Binance's spot API documentation (2026-03), and
        https://www.okx.com/docs-v5/en/#public-data-rest-api-get-limit-price

        :raises TemporaryError: the exchange answers something else.
        """
        with sensible(f"{self._exchange.name}'s execution rules of {pair}"):
            if self._exchange.id == "okx":
                return self._price_limit(pair, side)
            rule = self._price_range(pair)
            reference = self.reference_rate(pair) if rule else None
            if reference is None:
                return 0.0, math.inf
            name = "bid" if side == "buy" else "ask"
            down, up = rule.get(f"{name}LimitMultDown"), rule.get(f"{name}LimitMultUp")
            return reference * float(down or 0), reference * float(up or math.inf)

    def _price_limit(self, pair: str, side: BuySell) -> tuple[float, float]:
        """Return OKX's limit of the moment; a new listing has none in its first minutes."""
        answer = self._ask_if_known("public_get_public_price_limit", pair, "instId") or {}
        row: dict[str, Any] = next(iter(answer.get("data", [])), {})
        if str(row.get("enabled", True)).lower() == "false":
            return 0.0, math.inf
        if side == "buy":
            return 0.0, float(row.get("buyLmt") or math.inf)
        return float(row.get("sellLmt") or 0), math.inf

    def _price_range(self, pair: str) -> dict[str, Any]:
        """Return the pair's execution rule, empty where it has none."""
        key = ("rule", pair)
        if key not in self._rarely:
            answer = self._ask_if_known("public_get_executionrules", pair)
            if answer is None:
                return {}
            rules = [rule for symbol in answer.get("symbolRules", []) for rule in symbol["rules"]]
            self._rarely[key] = next((r for r in rules if r["ruleType"] == "PRICE_RANGE"), {})
        found: dict[str, Any] = self._rarely[key]
        return found

    def reference_rate(self, pair: str) -> float | None:
        """Return Binance's reference price of the pair; None where it has none now."""
        key = ("no reference", pair)
        if key in self._rarely:
            return None
        answer = self._ask_if_known("public_get_referenceprice", pair)
        if answer is None:
            return None
        if "referencePrice" not in answer:
            self._rarely[key] = True
        rate = answer.get("referencePrice")
        return None if rate is None else float(rate)

    def _ask_if_known(self, name: str, pair: str, parameter: str = "symbol") -> dict[str, Any] | None:
        """
        Ask for what not every pair has; empty where the exchange or an old ccxt has no answer.

        :return: None where the request fails: an order is not refused for that, and the next one asks again.
        """
        api = ccxt_client(self._exchange)
        if not hasattr(api, name):
            return {}
        try:
            answer: dict[str, Any] = getattr(api, name)({parameter: api.market_id(pair)})
        except ccxt.ExchangeError:
            return {}
        except ccxt.BaseError:
            return None
        return answer
