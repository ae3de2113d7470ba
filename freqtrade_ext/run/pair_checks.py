"""What `freqtrade-ext doctor` says of a pair: lots, minimums, dust, and whether its book holds the stake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from freqtrade.enums import TradingMode
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange

from freqtrade_ext.fills.book import BadBook, Book, walk

BOOK_DEPTH = 100
DEAR_BPS = 10.0
"""a round trip pays fees of 20 basis points; a walk that costs half of that is worth a word"""
DUST_RATIO = 0.05
"""part of a position that whole lots may leave unsold before it is worth a word"""
Verdict = Literal["ok", "note", "FAIL"]
Finding = tuple[Verdict, str]


def check_pair(exchange: Exchange, pair: str, stake_amount: float) -> Iterator[Finding]:
    """
    Check a pair for a position of this size.

    :param stake_amount: in stake currency.
    """
    market = exchange.markets.get(pair)
    if not exchange.markets:
        return
    if market is None or not market.get("active", True):
        yield "FAIL", f"{pair} is not traded on {exchange.name}: take it out of pair_whitelist"
        return
    try:
        order_book = exchange.fetch_l2_order_book(pair, BOOK_DEPTH)
        book = Book(order_book["bids"], order_book["asks"], 0, BOOK_DEPTH)
    except (TemporaryError, BadBook) as error:
        yield "FAIL", f"{pair}: no order book: {error}"
        return
    if not book.bids or not book.asks:
        yield "FAIL", f"{pair}: nobody buys or nobody sells now"
        return
    yield from _check_size(exchange, pair, stake_amount, book.asks[0][0])
    yield from _check_depth(pair, stake_amount, book)


def _check_size(exchange: Exchange, pair: str, stake_amount: float, rate: float) -> Iterator[Finding]:
    least = exchange.get_min_pair_stake_amount(pair, rate, 0.0) or 0.0
    lot = (exchange.get_precision_amount(pair) or 0.0) * (exchange.get_contract_size(pair) or 1.0)
    if stake_amount < least:
        text = f"{pair}: {stake_amount:g} is less than the exchange's minimum of {least:.4g}"
        if exchange.trading_mode == TradingMode.FUTURES:
            yield "note", f"{text}: a leverage of {least / stake_amount:.2g} or more reaches it"
        else:
            yield "FAIL", text
        return
    yield "ok", f"{pair}: minimum {least:.4g} and lots of {lot:g} ({lot * rate:.4g}) fit {stake_amount:g}"
    if lot * rate > DUST_RATIO * stake_amount:
        part = f"{lot * rate / stake_amount:.0%}"
        yield (
            "note",
            f"{pair}: a lot is {part} of a position: up to that much stays unsold, shares are uneven",
        )


def _check_depth(pair: str, stake_amount: float, book: Book) -> Iterator[Finding]:
    mid = (book.bids[0][0] + book.asks[0][0]) / 2
    spread_bps = (book.asks[0][0] - book.bids[0][0]) / mid * 10_000
    taken = walk(book.asks, stake_amount / mid, "buy")
    if taken.stopped:
        yield (
            "FAIL",
            f"{pair}: {BOOK_DEPTH} levels of the book do not carry a market order of {stake_amount:g}",
        )
        return
    cost_bps = (taken.average / mid - 1) * 10_000
    text = f"{pair}: a market order of {stake_amount:g} costs {cost_bps:.1f} bps, spread {spread_bps:.1f} bps"
    if cost_bps <= DEAR_BPS:
        yield "ok", text
    else:
        yield "note", f"{text}: much of what a trade can earn, choose a pair that is traded more"
