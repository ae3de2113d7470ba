"""Whether the exchange takes orders for a pair now; freqtrade looks once an hour."""

from __future__ import annotations

from typing import Any

import ccxt
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.util import FtTTLCache

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.paper.asking import ask
from freqtrade_ext.paper.stock import ccxt_client

OPEN_SECONDS = 5
"""how long an answer counts; Binance charges weight 20 for it"""


def require_listed(exchange: Exchange, pair: str) -> None:
    """
    Refuse questions about a pair that the exchange does not list any more, with its trade perhaps still open.

    freqtrade's own errors for it, such as ValueError, would end the bot (2026.9 exchange.py
    `_get_stake_amount_limit`).

    :raises TemporaryError: it is not in the markets; it may come back.
    """
    if pair not in exchange.markets:
        raise TemporaryError(f"{exchange.name} does not list {pair}")


class Listing:
    """Asks whether a pair's market is open, where nothing else shows it."""

    def __init__(self, exchange: Exchange, feed: Feed | None) -> None:
        self._exchange, self._feed = exchange, feed
        self._known: FtTTLCache = FtTTLCache(maxsize=1000, ttl=OPEN_SECONDS)

    def is_open(self, pair: str) -> bool:
        """
        Return whether orders are taken. Trades show it; where there was none lately, the exchange is asked.

        A book may change while the market is closed: orders can be cancelled then. A question that fails
        refuses no order: what freqtrade knows of the market counts then.
        """
        market = self._exchange.markets[pair]
        if self._feed is not None and self._feed.is_trading(pair):
            return True
        if pair not in self._known:
            try:
                now = ask(self._exchange, _listed_now, ccxt_client(self._exchange), market)
            except TemporaryError as error:
                is_listed = not isinstance(error.__cause__, ccxt.BadSymbol)
                return is_listed and market["active"] is not False
            self._known[pair] = now is not None and now["active"] is not False
        return bool(self._known[pair])


def _listed_now(api: Any, market: dict[str, Any]) -> dict[str, Any] | None:
    """Ask for one market alone, where the exchange can, and not for all as ccxt does; None: not listed."""
    is_spot, symbol = market["spot"], market["id"]
    found: list[dict[str, Any]]
    if api.id == "binance" and is_spot:
        found = [api.parse_market(raw) for raw in api.public_get_exchangeinfo({"symbol": symbol})["symbols"]]
    elif api.id == "binance":
        listed = api.fapipublic_get_exchangeinfo()["symbols"]
        found = [api.parse_market(raw) for raw in listed if raw["symbol"] == symbol]
    elif api.id == "okx":
        found = api.fetch_markets_by_type(market["type"], {"instId": symbol})
    elif api.id == "bybit" and is_spot:
        found = api.fetch_spot_markets({"symbol": symbol})
    elif api.id == "bybit":
        found = api.fetch_future_markets({"category": "linear", "symbol": symbol})
    else:
        found = api.fetch_markets()
    return next((now for now in found if now["symbol"] == market["symbol"]), None)
