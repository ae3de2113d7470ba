"""What the feed asks of REST, and what that costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from freqtrade_ext.fills.queue import Print

BOOK_LEVELS = 5
"""per side: the cheapest book there is"""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a venue charges for the smallest book and the latest trade, in its own weight per request."""

    book: float
    trades: float
    per_minute: float
    """weight that the venue allows one address"""


COSTS = {
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
    ("binance", True): Costs(5, 4, 6000),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api
    ("binance", False): Costs(2, 20, 2400),
    # 600 requests in 5 s: https://bybit-exchange.github.io/docs/v5/rate-limit
    ("bybit", True): Costs(1, 1, 7200),
    ("bybit", False): Costs(1, 1, 7200),
    # 40 books and 100 trades in 2 s: https://www.okx.com/docs-v5/en/#order-book-trading-market-data
    ("okx", True): Costs(1, 1, 1200),
    ("okx", False): Costs(1, 1, 1200),
    # https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/rate-limits-and-user-limits
    ("hyperliquid", True): Costs(2, 20, 1200),
    ("hyperliquid", False): Costs(2, 20, 1200),
}
UNKNOWN = Costs(1, 1, 120)


def costs(client: Any, market: dict[str, Any]) -> Costs:
    return COSTS.get((client.id, bool(market["spot"])), UNKNOWN)


async def smallest_book(client: Any, pair: str) -> dict[str, Any]:
    book: dict[str, Any] = await client.fetch_order_book(pair, BOOK_LEVELS)
    return book


def has_no_newer_trade(client: Any, pair: str, prints: Sequence[Print]) -> Callable[[], Awaitable[bool]]:
    """
    Return the question whether the prints of a stream lack the exchange's latest trade.

    Before the stream's first trade, REST's first answer is what later ones are compared with.
    """
    first_ms: int | None = None

    async def is_complete() -> bool:
        nonlocal first_ms
        latest_ms = await last_trade_ms(client, pair)
        first_ms = latest_ms if first_ms is None else first_ms
        return latest_ms <= (prints[-1].time_ms if prints else first_ms)

    return is_complete


async def last_trade_ms(client: Any, pair: str) -> int:
    """Return the exchange's time of the latest public trade."""
    if client.id == "hyperliquid":
        answer = await client.public_post_info(hyperliquid_tape(client, pair))
        trades = hyperliquid_trades(client, pair, answer)
    else:
        trades = await client.fetch_trades(pair, None, 1)
    return max(int(trade["timestamp"]) for trade in trades)


def hyperliquid_tape(client: Any, pair: str) -> dict[str, str]:
    """Return the request for public trades; ccxt only has one for a user's own (4.5.90, hyperliquid.py)."""
    market = client.market(pair)
    return {"type": "recentTrades", "coin": market["baseName"] if market["swap"] else market["id"]}


def hyperliquid_trades(client: Any, pair: str, answer: Any) -> list[dict[str, Any]]:
    trades: list[dict[str, Any]] = client.parse_trades(answer, client.market(pair))
    return trades
