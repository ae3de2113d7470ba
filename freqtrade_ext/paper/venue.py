"""The real exchange as the engine sees it: books, prints and rules through freqtrade's exchange object."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from freqtrade.enums import TradingMode
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.fills.book import Book, BuySell, Level
from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle
from freqtrade_ext.fills.market import Cursor, Rules
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper.asking import ask, sensible
from freqtrade_ext.paper.depth import DEPTHS, fetch_order_book
from freqtrade_ext.paper.execution_rules import ExecutionRules
from freqtrade_ext.paper.limits import limits_of
from freqtrade_ext.paper.listing import Listing, require_listed
from freqtrade_ext.paper.perpetual import fundings, margin_rules, marks
from freqtrade_ext.paper.public_trades import advance, public_trades
from freqtrade_ext.paper.stock import book_depths, ccxt_client, contract_size


class Venue:
    """
    One exchange: its live feed where that is in step, else REST.

    Errors come out as freqtrade's own, so that the bot handles them.
    """

    def __init__(self, exchange: Exchange, feed: Feed | None = None) -> None:
        self._exchange, self._feed, self._listing = exchange, feed, Listing(exchange, feed)
        depths = book_depths(exchange) or (20, 100)
        usual = tuple(depth for depth in depths if depth >= 20) or (max(depths),)
        self.depths = DEPTHS.get((exchange.id, exchange.trading_mode), usual)
        is_spot = exchange.trading_mode == TradingMode.SPOT
        self._is_binance_spot = exchange.id == "binance" and is_spot
        has_rules = self._is_binance_spot or exchange.id == "okx"
        self._execution = ExecutionRules(exchange) if has_rules else None
        self._margins: dict[str, MarginRules] = {}

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep_ms(self, duration: float) -> None:
        time.sleep(duration / 1000)

    def round_trips_ms(self) -> tuple[float, ...]:
        return self._feed.round_trips_ms() if self._feed else ()

    def book(self, pair: str, depth: int) -> Book:
        """
        Fetch the book as it is after this call.

        :raises TemporaryError: where the exchange fails, or answers with a book that cannot be true.
        """
        asked_ms = self.now_ms()
        if self._feed and (book := self._feed.book(pair, depth, not_before_ms=asked_ms)):
            return book
        asked_ms = self.now_ms()
        raw, known = ask(self._exchange, fetch_order_book, ccxt_client(self._exchange), pair, depth)
        size = contract_size(self._exchange, pair)
        with sensible(f"{self._exchange.name}'s order book of {pair}"):
            bids, asks = _levels(raw["bids"], size), _levels(raw["asks"], size)
            # the request took as long to get there as the answer took back, as far as anybody knows
            return Book(bids, asks, (asked_ms + self.now_ms()) // 2, known, raw["nonce"])

    def books(self, pair: str, since_ms: int | None) -> list[Book]:
        """
        Return the books of the live feed's differences after this exchange time, and the book as it is now.

        :param since_ms: None is the first question: the feed keeps differences from now on.
        """
        earlier = self._feed.books(pair, self.depths[0], since_ms) if self._feed else None
        return [*(earlier or []), self.book(pair, self.depths[0])]

    def prints(self, pair: str, since: Cursor | None) -> tuple[list[Print], Cursor]:
        """
        Return the public trades after the cursor, oldest first, and the new cursor.

        :param since: None asks for just the latest trade.
        """
        live = self._feed.prints(pair, since) if self._feed else None
        if live is not None:
            return live, advance(since or Cursor(0, ()), live)
        return public_trades(self._exchange, pair, since)

    def rules(self, pair: str) -> Rules:
        """:raises TemporaryError: the exchange does not list the pair, or with unreadable filters."""
        require_listed(self._exchange, pair)
        with sensible(f"{self._exchange.name}'s filters of {pair}"):
            market = self._exchange.markets[pair]
            rows = market["info"].get("filters")
            filters = {f["filterType"]: f for f in rows} if rows else limits_of(self._exchange.id, market)
        maker, taker = (self._exchange.get_fee(symbol=pair, taker_or_maker=m) for m in ("maker", "taker"))
        if self._exchange.trading_mode == TradingMode.SPOT:
            return Rules(filters, maker, taker)
        if pair not in self._margins:
            self._margins[pair] = margin_rules(self._exchange, pair)
        return Rules(filters, maker, taker, contract_size(self._exchange, pair), self._margins[pair])

    def is_open(self, pair: str) -> bool:
        """:raises TemporaryError: the exchange does not list the pair, or fails."""
        require_listed(self._exchange, pair)
        return self._listing.is_open(pair)

    def fundings(self, pair: str, since_ms: int) -> list[FundingRate]:
        """:raises TemporaryError: the exchange fails, or answers something else."""
        with sensible(f"{self._exchange.name}'s funding rates of {pair}"):
            return fundings(self._exchange, pair, since_ms)

    def marks(self, pair: str, since_ms: int) -> list[MarkCandle]:
        """:raises TemporaryError: the exchange fails, or answers something else."""
        with sensible(f"{self._exchange.name}'s mark price of {pair}"):
            return marks(self._exchange, pair, since_ms)

    def average_rate(self, pair: str) -> float:
        """
        Rate that Binance measures market orders by; the last rate where a venue has none, or gives none.

        :raises TemporaryError: the exchange fails, or answers something else.
        """
        api, what = ccxt_client(self._exchange), f"{self._exchange.name}'s average rate of {pair}"
        if self._execution is not None and self._is_binance_spot:
            with suppress(TemporaryError), sensible(what):
                if (reference := self._execution.reference_rate(pair)) is not None:
                    return reference
                symbol = ask(self._exchange, api.market_id, pair)
                return float(ask(self._exchange, api.public_get_avgprice, {"symbol": symbol})["price"])
        with sensible(what):
            return self.prints(pair, None)[0][-1].rate

    def execution_range(self, pair: str, side: BuySell) -> tuple[float, float]:
        """Return all rates where the exchange has no such range, or answers something else."""
        with suppress(TemporaryError):  # no stop is refused for that
            if self._execution is not None:
                return self._execution.range(pair, side)
        return 0.0, math.inf

    def bnb_rate(self, quote: str) -> float | None:
        """:return: None where the exchange gives none, or an impossible one: no stop is refused for that."""
        rate = None
        with suppress(TemporaryError), sensible(f"{self._exchange.name}'s tickers"):
            rate = self._exchange.get_conversion_rate("BNB", quote)
        return rate if rate is not None and 0 < rate < math.inf else None


def _levels(raw: list[list[float]], contract_size: float) -> list[Level]:
    return [(level[0], level[1] * contract_size) for level in raw]
