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
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
CANDLES = (("1m", MINUTE_MS, HOUR_MS), ("1h", HOUR_MS, DAY_MS), ("1d", DAY_MS, DAY_MS))
"""timeframe, its ms, and where candles of the next one begin"""
CANDLES_LIMIT = 300
"""in one answer, on each exchange"""
OLD_MS, KEPT_MS = 3 * HOUR_MS, HOUR_MS
"""
candles decide what happened longer ago than the last hour, where that is more than three: BTC/USDT alone has
some 40 pages of trades an hour, and a bot that was off for a month asked for them one by one
"""
EXTREMES: tuple[tuple[str, int, BuySell], ...] = (("open", 1, "buy"), ("low", 3, "sell"), ("high", 2, "buy"))
"""of a candle: name, place in ccxt's row, side of the aggressor"""
AHEAD_MS = MINUTE_MS
"""a cursor that is further ahead of the local clock is compared with the newest trade"""
PRINTS_WINDOW_MS = HOUR_MS
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
    if exchange.id in NEWEST_TRADES:
        return _newest(exchange, pair, since, limit)
    found: list[Print] = []
    now_ms = time.time_ns() // 1_000_000
    since = _not_ahead(since, _prints(exchange, pair, None, 1) if since.time_ms > now_ms + AHEAD_MS else [])
    if since.time_ms < now_ms - OLD_MS:
        if since.time_ms:
            found = _missed(exchange, pair, since.time_ms, now_ms - KEPT_MS)
        since = Cursor(now_ms - KEPT_MS, ())
    start = since.time_ms
    while True:
        page = _prints(exchange, pair, start, limit)
        new = _after(since, page)
        found += new
        since = advance(since, new)
        if len(page) >= limit and new:
            start = since.time_ms
        elif start + PRINTS_WINDOW_MS < now_ms:
            start += PRINTS_WINDOW_MS
        else:
            return found, since


def _newest(exchange: Exchange, pair: str, since: Cursor, limit: int) -> tuple[list[Print], Cursor]:
    """Return what the newest trades hold after the cursor, and candles where they do not reach back to it."""
    page = _prints(exchange, pair, since.time_ms, limit)
    found: list[Print] = []
    since = _not_ahead(since, page)
    if page and 0 < since.time_ms < page[0].time_ms:
        found = _missed(exchange, pair, since.time_ms, page[0].time_ms)
    new = _after(since, page)
    return found + new, advance(since, new)


def _not_ahead(cursor: Cursor, newest: list[Print]) -> Cursor:
    """
    Return the cursor, or one at the exchange's newest trade where it is ahead of that.

    A trade that was stamped in the future would otherwise hide all others until then, from stops as well.
    """
    is_ahead = bool(newest) and newest[-1].time_ms < cursor.time_ms
    return advance(Cursor(0, ()), newest) if is_ahead else cursor


def _after(cursor: Cursor, prints: list[Print]) -> list[Print]:
    new = [p for p in prints if p.time_ms > cursor.time_ms or p.id not in cursor.ids]
    return [p for p in new if p.time_ms >= cursor.time_ms]


def _missed(exchange: Exchange, pair: str, after_ms: int, before_ms: int) -> list[Print]:
    """
    Return prints without an amount at the open, low and high of each whole candle that was missed.

    They fill nothing, and trigger the stops that a rate has passed in that time: at the candle's worst.
    """
    candles = _candles(exchange, pair, after_ms, before_ms)
    if candles:
        logger.warning(
            "%s: %s's trades of %.1f hours are not asked for: candles decide which stops were passed, and "
            "fill no resting order",
            pair,
            exchange.name,
            (before_ms - after_ms) / HOUR_MS,
        )
    return [
        Print(f"{row[0]}{name}", min(int(row[0]) + ms - 1, before_ms), row[at], 0.0, side)
        for row, ms in candles
        for name, at, side in EXTREMES
    ]


def _candles(exchange: Exchange, pair: str, after_ms: int, before_ms: int) -> list[tuple[list[Any], int]]:
    """Return candles that begin within the time, and their ms: minutes, hours, days, a request for each."""
    found: list[tuple[list[Any], int]] = []
    start = after_ms - after_ms % MINUTE_MS + MINUTE_MS
    for timeframe, ms, next_ms in CANDLES:
        is_last = before_ms - start < CANDLES_LIMIT * ms or next_ms == ms
        end = before_ms if is_last else -(-start // next_ms) * next_ms
        if start < end:
            fetch = ccxt_client(exchange).fetch_ohlcv
            rows = ask(exchange, fetch, pair, timeframe, start, CANDLES_LIMIT)
            found += [(row, ms) for row in rows if start <= row[0] < end]
        if is_last:
            break
        start = end
    return found


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
    """Move the cursor to the last print; ids distinguish prints of the same millisecond."""
    if not prints:
        return cursor
    last_ms = prints[-1].time_ms
    known = cursor.ids if last_ms == cursor.time_ms else ()
    return Cursor(last_ms, known + tuple(p.id for p in prints if p.time_ms == last_ms))
