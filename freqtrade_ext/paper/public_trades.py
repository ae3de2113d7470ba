"""Public trades by REST: those since the last look, in as many requests as it takes."""

from __future__ import annotations

import logging
import time
from typing import Any

from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange

from freqtrade_ext.feed.rest import hyperliquid_tape
from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper.asking import ask, sensible
from freqtrade_ext.paper.stock import ccxt_client, contract_size

logger = logging.getLogger(__name__)

PRINTS_LIMIT = 1000
PRINTS_LIMITS = {
    ("bybit", TradingMode.SPOT): 60,
    ("okx", TradingMode.SPOT): 500,
    ("okx", TradingMode.FUTURES): 500,
}
"""most public trades that a request may ask for, where it is not `PRINTS_LIMIT`"""
NEWEST_TRADES = ("bybit", "okx", "hyperliquid")
"""give the newest public trades only, whatever time is asked for"""
MINUTE_MS = 60_000
MINUTES_LIMIT = 300
"""candles of a minute in one answer, on each of them"""
EXTREMES: tuple[tuple[str, int, BuySell], ...] = (("open", 1, "buy"), ("low", 3, "sell"), ("high", 2, "buy"))
"""of a candle: name, place in ccxt's row, side of the aggressor"""
PRINTS_WINDOW_MS = 3_600_000
"""ccxt asks Binance for one hour from `since` on (ccxt 4.5.90, binance.py, fetch_trades)"""


def public_trades(exchange: Exchange, pair: str, since: Cursor | None) -> tuple[list[Print], Cursor]:
    """
    Return the public trades after the cursor, oldest first, and the new cursor.

    :param since: None asks for just the latest trade.
    """
    if since is None:
        latest = _prints(exchange, pair, None, 1)[-1:]
        return latest, advance(Cursor(0, ()), latest)
    limit = PRINTS_LIMITS.get((exchange.id, exchange.trading_mode), PRINTS_LIMIT)
    found: list[Print] = []
    start = since.time_ms
    while True:
        page = _prints(exchange, pair, start, limit)
        if not found and page and exchange.id in NEWEST_TRADES and 0 < start < page[0].time_ms:
            found += _missed(exchange, pair, start, page[0].time_ms)
        new = [p for p in page if p.time_ms > since.time_ms or p.id not in since.ids]
        new = [p for p in new if p.time_ms >= since.time_ms]
        found += new
        since = advance(since, new)
        if len(page) >= limit and new:
            start = since.time_ms
        elif start + PRINTS_WINDOW_MS < time.time_ns() // 1_000_000:
            start += PRINTS_WINDOW_MS
        else:
            return found, since


def _missed(exchange: Exchange, pair: str, after_ms: int, before_ms: int) -> list[Print]:
    """
    Return prints without an amount at the open, low and high of each whole minute that was missed.

    They fill nothing, and trigger the stops that a rate has passed in that time: at the minute's worst.
    """
    rows = ask(exchange, ccxt_client(exchange).fetch_ohlcv, pair, "1m", after_ms, MINUTES_LIMIT)
    minutes = [row for row in rows if after_ms < row[0] <= before_ms]
    if minutes:
        logger.warning(
            "%s: %s's trades of %s minutes cannot be had: their candles decide which stops were passed",
            pair,
            exchange.name,
            len(minutes),
        )
    return [
        Print(f"{row[0]}{name}", int(row[0]) + MINUTE_MS - 1, row[at], 0.0, side)
        for row in minutes
        for name, at, side in EXTREMES
    ]


def _prints(exchange: Exchange, pair: str, since_ms: int | None, limit: int) -> list[Print]:
    api = ccxt_client(exchange)
    if exchange.id == "hyperliquid":
        raw = ask(exchange, _recent_trades, api, pair, since_ms, limit)
    else:
        raw = ask(exchange, api.fetch_trades, pair, since_ms, limit)
    size = contract_size(exchange, pair)
    with sensible(f"{exchange.name}'s trades of {pair}"):
        found = [Print.from_ccxt(trade, size) for trade in raw]
    return sorted(found, key=lambda p: p.time_ms)


def _recent_trades(api: Any, pair: str, since_ms: int | None, limit: int) -> list[dict[str, Any]]:
    """Fetch Hyperliquid's public trades; ccxt knows only a user's own there (4.5.90, hyperliquid.py)."""
    raw = api.public_post_info(hyperliquid_tape(api, pair))
    trades: list[dict[str, Any]] = api.parse_trades(raw, api.market(pair), since_ms, limit)
    return trades


def advance(cursor: Cursor, prints: list[Print]) -> Cursor:
    """Move the cursor to the last print; ids tell the prints of one millisecond apart."""
    if not prints:
        return cursor
    last_ms = prints[-1].time_ms
    known = cursor.ids if last_ms == cursor.time_ms else ()
    return Cursor(last_ms, known + tuple(p.id for p in prints if p.time_ms == last_ms))
