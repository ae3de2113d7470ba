"""What the engine asks of a venue about perpetual futures: funding rates, mark prices, margin rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle, Tier, tiers
from freqtrade_ext.paper.asking import ask
from freqtrade_ext.paper.stock import ccxt_client, leverage_tiers

MINUTE_MS = 60_000
MARKS_LIMIT = 200
"""minutes of the mark price in one answer; OKX gives 100"""

LIQUIDATION = {
    # the engine sells down to the bankruptcy rate, the insurance fund takes the rest; fee: exchangeInfo
    # https://www.binance.com/en/support/faq/liquidation-protocols-360033525271
    "binance": (True, 0.0125),
    # all goes at the bankruptcy rate, of which the taker fee is a part: the whole margin is lost
    # https://www.bybit.com/en/help-center/article/Liquidation-Process-Derivatives-Standard-Account
    "bybit": (False, 0.0),
    # the same; the fee of it counts for when it happens, as in freqtrade's liquidation price
    # https://www.okx.com/help/v-liquidation
    "okx": (False, 0.0),
    # market orders to the book, no fee
    # https://hyperliquid.gitbook.io/hyperliquid-docs/trading/liquidations
    "hyperliquid": (True, 0.0),
}
"""venue -> whether the book takes what it can, fee ratio of that; looked up in November 2026"""


def fundings(exchange: Exchange, pair: str, since_ms: int) -> list[FundingRate]:
    """Return the funding times after this one whose rates are known, oldest first."""
    api = ccxt_client(exchange)
    rows = [
        r
        for r in ask(exchange, api.fetch_funding_rate_history, pair, since_ms + 1)
        if r["timestamp"] > since_ms
    ]
    if not rows:
        return []
    # Hyperliquid stamps them some ms late
    rates = {row["timestamp"] // MINUTE_MS * MINUTE_MS: row for row in rows}
    told = {ms: row["info"].get("markPrice") for ms, row in rates.items()}
    opens = {} if all(told.values()) else _opens(exchange, pair, min(rates))
    marks = {ms: float(mark) if mark else opens.get(ms) for ms, mark in told.items()}
    return [
        FundingRate(ms, float(row["fundingRate"]), mark)
        for ms, row in sorted(rates.items())
        if (mark := marks[ms]) is not None
    ]


def _opens(exchange: Exchange, pair: str, since_ms: int) -> dict[int, float]:
    """Return the mark price at each full hour since."""
    api = ccxt_client(exchange)
    has_marks = exchange.id != "hyperliquid"  # it has candles of trades only; freqtrade takes these, too
    rows = ask(
        exchange, api.fetch_mark_ohlcv if has_marks else api.fetch_ohlcv, pair, "1h", since_ms, MARKS_LIMIT
    )
    return {row[0]: float(row[1]) for row in rows}


def marks(exchange: Exchange, pair: str, since_ms: int) -> list[MarkCandle]:
    """
    Return the minutes of the mark price from the one of this time on, oldest first.

    Hyperliquid has no candles of it: there it is the mark price now, and for whole minutes before the
    candles of trades.
    """
    api = ccxt_client(exchange)
    if exchange.id != "hyperliquid":
        return _candles(exchange, api.fetch_mark_ohlcv, pair, since_ms)
    mark = float(ask(exchange, api.fetch_funding_rates, [pair])[pair]["markPrice"])
    now_ms = int(api.milliseconds())
    minute_ms = now_ms // MINUTE_MS * MINUTE_MS
    missed = (
        _candles(exchange, api.fetch_ohlcv, pair, since_ms) if minute_ms - since_ms > 2 * MINUTE_MS else []
    )
    before = [candle for candle in missed if candle.time_ms < minute_ms]
    return [*before, MarkCandle(minute_ms, mark, mark, mark)]


def _candles(exchange: Exchange, fetch: Callable[..., Any], pair: str, since_ms: int) -> list[MarkCandle]:
    start_ms = since_ms // MINUTE_MS * MINUTE_MS
    found: dict[int, MarkCandle] = {}
    while True:
        rows = ask(exchange, fetch, pair, "1m", start_ms, MARKS_LIMIT)
        new = [row for row in rows if row[0] >= start_ms]
        found |= {int(row[0]): MarkCandle(int(row[0]), row[3], row[2], row[4]) for row in new}
        if len(new) < MARKS_LIMIT // 2:
            return [found[ms] for ms in sorted(found)]
        start_ms = max(found) + MINUTE_MS


def margin_rules(exchange: Exchange, pair: str) -> MarginRules:
    """Return what the venue demands of a position; without tiers nothing is liquidated."""
    market = exchange.markets[pair]
    sells_to_book, fee = LIQUIDATION.get(exchange.id, (True, 0.0))
    fee = float(market["info"].get("liquidationFee") or fee)
    if exchange.id == "hyperliquid":
        # half of the initial margin at the greatest leverage must be kept
        most = float(market["limits"]["leverage"]["max"] or 1)
        return MarginRules((Tier(float("inf"), most, 1 / most / 2),), False, fee, sells_to_book)
    is_okx = exchange.id == "okx"
    rows = leverage_tiers(exchange, pair)
    if is_okx:  # sizes are contracts there, and the tier's rate counts for the whole position
        size = float(market["contractSize"] or 1)
        rows = [
            {
                name: value * size if value and name.endswith("Notional") else value
                for name, value in row.items()
            }
            for row in rows
        ]
    kept = tiers(rows, is_deducting=not is_okx)
    if is_okx:
        taker = exchange.get_fee(symbol=pair, taker_or_maker="taker")
        kept = tuple(replace(tier, rate=tier.rate + taker) for tier in kept)
    # https://www.bybit.com/en/help-center/article/Liquidation-Price-Calculation-under-Isolated-Mode-Unified-Trading-Account
    is_of_entry = exchange.id == "bybit"
    return MarginRules(kept, is_okx, fee, sells_to_book, is_of_entry)
