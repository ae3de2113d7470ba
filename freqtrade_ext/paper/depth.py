"""Order books by REST, as deep as each venue shows them."""

from __future__ import annotations

from typing import Any

import ccxt
from freqtrade.enums import TradingMode

DEPTHS = {
    # weight 5 to 100 levels, 50 to 1000, 250 to 5000; freqtrade's own list stops at 1000
    ("binance", TradingMode.SPOT): (20, 100, 1000, 5000),
    ("binance", TradingMode.FUTURES): (20, 100, 1000),
    # the feed has 1000 on spot; https://bybit-exchange.github.io/docs/v5/market/full-ob (spot since 2026-07)
    ("bybit", TradingMode.SPOT): (50, 200, 1000, 10_000),
    ("bybit", TradingMode.FUTURES): (50, 200, 500, 10_000),
    # ccxt asks for `books-full` beyond 400
    ("okx", TradingMode.SPOT): (20, 100, 400, 5000),
    ("okx", TradingMode.FUTURES): (20, 100, 400, 5000),
    ("hyperliquid", TradingMode.SPOT): (20, 60, 100),
    ("hyperliquid", TradingMode.FUTURES): (20, 60, 100),
}
"""levels a side that can be asked for"""
BYBIT_MOST = {True: 200, False: 500}
"""levels a side of Bybit's usual book by REST; whether spot"""
HYPERLIQUID_MOST = 20
HYPERLIQUID_FIGURES = (5, 4, 3, 2)
"""significant figures of rates that Hyperliquid groups levels by (`nSigFigs`), 20 groups a side each"""


def fetch_order_book(api: Any, pair: str, depth: int) -> tuple[dict[str, Any], int]:
    """
    Fetch a book as ccxt words it.

    :return: it, and the number of levels from which on a side may go on unseen.
    """
    if api.id == "bybit" and depth > BYBIT_MOST[api.market(pair)["spot"]]:
        return _bybits_full_book(api, pair)
    if api.id == "hyperliquid" and depth > HYPERLIQUID_MOST:
        return _hyperliquids_grouped_book(api, pair, depth)
    return api.fetch_l2_order_book(pair, depth), depth


def _bybits_full_book(api: Any, pair: str) -> tuple[dict[str, Any], int]:
    """Fetch up to 10,000 levels, or the usual book where the market has no full one yet (futures)."""
    market = api.market(pair)
    category = "spot" if market["spot"] else "linear"
    try:
        answer = api.public_get_v5_market_full_orderbook({"category": category, "symbol": market["id"]})
    except (ccxt.ExchangeError, AttributeError):  # ccxt before 2026-07 cannot ask for it
        most = BYBIT_MOST[market["spot"]]
        return api.fetch_l2_order_book(pair, most), most
    result = answer["result"]
    return api.parse_order_book(result, pair, int(result["ts"]), "b", "a"), 10_000


def _hyperliquids_grouped_book(api: Any, pair: str, depth: int) -> tuple[dict[str, Any], int]:
    """Put ever coarser groups of levels behind the finest twenty."""
    book: dict[str, Any] = api.fetch_l2_order_book(pair)
    if all(len(book[side]) < HYPERLIQUID_MOST for side in ("bids", "asks")):
        return book, HYPERLIQUID_MOST
    for figures in HYPERLIQUID_FIGURES[: (depth - HYPERLIQUID_MOST) // HYPERLIQUID_MOST]:
        groups = api.fetch_l2_order_book(pair, None, {"nSigFigs": figures})
        for side in ("bids", "asks"):
            book[side] = _continued(book[side], groups[side], is_bid=side == "bids")
    return book, min(len(book["bids"]), len(book["asks"]))


def _continued(levels: list[list[float]], groups: list[list[float]], *, is_bid: bool) -> list[list[float]]:
    """
    Continue levels by groups whose rate is the worst of theirs.

    Of the first group that goes on beyond the levels, what they have of it already is taken off.
    """
    sign = 1 if is_bid else -1
    continued, seen, end = [level[:2] for level in levels], 0.0, sign * levels[-1][0] if levels else 0.0
    shown = sum(level[1] for level in levels)
    for rate, amount, *_ in groups:
        seen += amount
        if sign * rate < end and seen > shown:
            continued.append([rate, seen - shown])
            shown = seen
    return continued
