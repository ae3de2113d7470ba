"""The real exchange as the engine sees it: books, prints and rules through freqtrade's exchange object."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
from freqtrade.enums import TradingMode
from freqtrade.exceptions import DDosProtection, OperationalException, TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.exchange.common import retrier
from freqtrade.util import FtTTLCache

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.feed.rest import hyperliquid_tape
from freqtrade_ext.fills.book import BadBook, Book, BuySell, Level
from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle
from freqtrade_ext.fills.market import Cursor, Rules
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper.depth import DEPTHS, fetch_order_book
from freqtrade_ext.paper.limits import limits_of
from freqtrade_ext.paper.listing import Listing, require_listed
from freqtrade_ext.paper.perpetual import fundings, margin_rules, marks
from freqtrade_ext.paper.stock import book_depths, ccxt_client

logger = logging.getLogger(__name__)

PRINTS_LIMIT = 1000
PRINTS_LIMITS = {
    ("bybit", TradingMode.SPOT): 60,
    ("okx", TradingMode.SPOT): 500,
    ("okx", TradingMode.FUTURES): 500,
}
"""most public trades that a request may ask for, where it is not `PRINTS_LIMIT`"""
RULES_SECONDS = 3600
"""how long what the exchange says of a pair's execution rules is believed; freqtrade's markets likewise"""
NEWEST_TRADES = ("bybit", "okx", "hyperliquid")
"""give the newest public trades only, whatever time is asked for"""
MINUTE_MS = 60_000
MINUTES_LIMIT = 300
"""candles of a minute in one answer, on each of them"""
EXTREMES: tuple[tuple[str, int, BuySell], ...] = (("open", 1, "buy"), ("low", 3, "sell"), ("high", 2, "buy"))
"""of a candle: name, place in ccxt's row, side of the aggressor"""
PRINTS_WINDOW_MS = 3_600_000
"""ccxt asks Binance for one hour from `since` on (ccxt 4.5.90, binance.py, fetch_trades)"""


@contextmanager
def sensible(what: str) -> Iterator[None]:
    """
    Make an error of the exchange of what comes of an answer that makes no sense.

    freqtrade catches nothing else, so that each of these would end the bot.

    :param what: was answered, for the message.
    :raises TemporaryError: naming it and what is wrong.
    """
    try:
        yield
    except BadBook as error:
        raise TemporaryError(f"{what} {error}") from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemporaryError(f"{what} cannot be read: {error!r}") from error


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
        self._rarely: FtTTLCache = FtTTLCache(maxsize=1000, ttl=RULES_SECONDS)
        self._margins: dict[str, MarginRules] = {}
        self._prints_limit = PRINTS_LIMITS.get((exchange.id, exchange.trading_mode), PRINTS_LIMIT)

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
        raw, known = self._ask(fetch_order_book, ccxt_client(self._exchange), pair, depth)
        size = self._contract_size(pair)
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
            return live, _advance(since or Cursor(0, ()), live)
        if since is None:
            latest = self._prints(pair, None, 1)[-1:]
            return latest, _advance(Cursor(0, ()), latest)
        found: list[Print] = []
        start = since.time_ms
        while True:
            page = self._prints(pair, start, self._prints_limit)
            if not found and page and self._exchange.id in NEWEST_TRADES and 0 < start < page[0].time_ms:
                found += self._missed(pair, start, page[0].time_ms)
            new = [p for p in page if p.time_ms > since.time_ms or p.id not in since.ids]
            new = [p for p in new if p.time_ms >= since.time_ms]
            found += new
            since = _advance(since, new)
            if len(page) >= self._prints_limit and new:
                start = since.time_ms
            elif start + PRINTS_WINDOW_MS < self.now_ms():
                start += PRINTS_WINDOW_MS
            else:
                return found, since

    def _missed(self, pair: str, after_ms: int, before_ms: int) -> list[Print]:
        """
        Return prints without an amount at the open, low and high of each whole minute that was missed.

        They fill nothing, and trigger the stops that a rate has passed in that time: at the minute's worst.
        """
        rows = self._ask(ccxt_client(self._exchange).fetch_ohlcv, pair, "1m", after_ms, MINUTES_LIMIT)
        minutes = [row for row in rows if after_ms < row[0] <= before_ms]
        if minutes:
            logger.warning(
                "%s: %s's trades of %s minutes cannot be had: their candles decide which stops were passed",
                pair,
                self._exchange.name,
                len(minutes),
            )
        return [
            Print(f"{row[0]}{name}", int(row[0]) + MINUTE_MS - 1, row[at], 0.0, side)
            for row in minutes
            for name, at, side in EXTREMES
        ]

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
        return Rules(filters, maker, taker, self._contract_size(pair), self._margins[pair])

    def is_open(self, pair: str) -> bool:
        """:raises TemporaryError: the exchange does not list the pair, or fails."""
        require_listed(self._exchange, pair)
        return self._listing.is_open(pair, self._ask)

    def fundings(self, pair: str, since_ms: int) -> list[FundingRate]:
        """:raises TemporaryError: the exchange fails, or answers something else."""
        with sensible(f"{self._exchange.name}'s funding rates of {pair}"):
            return fundings(self._exchange, self._ask, pair, since_ms)

    def marks(self, pair: str, since_ms: int) -> list[MarkCandle]:
        """:raises TemporaryError: the exchange fails, or answers something else."""
        with sensible(f"{self._exchange.name}'s mark price of {pair}"):
            return marks(self._exchange, self._ask, pair, since_ms)

    def average_rate(self, pair: str) -> float:
        """
        Rate that Binance measures market orders by; the last rate where a venue has none.

        :raises TemporaryError: the exchange fails, or answers something else.
        """
        api = ccxt_client(self._exchange)
        with sensible(f"{self._exchange.name}'s average rate of {pair}"):
            if self._is_binance_spot:
                if (reference := self._reference_rate(pair)) is not None:
                    return reference
                symbol = self._ask(api.market_id, pair)
                return float(self._ask(api.public_get_avgprice, {"symbol": symbol})["price"])
            return self.prints(pair, None)[0][-1].rate

    def execution_range(self, pair: str, side: BuySell) -> tuple[float, float]:
        """
        Return the rates between which an order that takes may be executed.

        Source: "Price Range Execution Rule" of Binance's spot API documentation (2026-03).

        :raises TemporaryError: the exchange answers something else.
        """
        if not self._is_binance_spot:
            return 0.0, math.inf
        with sensible(f"{self._exchange.name}'s execution rules of {pair}"):
            rule = self._price_range(pair)
            reference = self._reference_rate(pair) if rule else None
            if reference is None:
                return 0.0, math.inf
            name = "bid" if side == "buy" else "ask"
            down, up = rule.get(f"{name}LimitMultDown"), rule.get(f"{name}LimitMultUp")
            return reference * float(down or 0), reference * float(up or math.inf)

    def _price_range(self, pair: str) -> dict[str, Any]:
        """Return the pair's execution rule, empty where it has none."""
        key = ("rule", pair)
        if key not in self._rarely:
            answer = self._ask_if_known("public_get_executionrules", pair)
            rules = [rule for symbol in answer.get("symbolRules", []) for rule in symbol["rules"]]
            self._rarely[key] = next((r for r in rules if r["ruleType"] == "PRICE_RANGE"), {})
        found: dict[str, Any] = self._rarely[key]
        return found

    def _reference_rate(self, pair: str) -> float | None:
        """Return Binance's reference price of the pair; None where it has none now."""
        key = ("no reference", pair)
        if key in self._rarely:
            return None
        answer = self._ask_if_known("public_get_referenceprice", pair)
        if "referencePrice" not in answer:
            self._rarely[key] = True
        rate = answer.get("referencePrice")
        return None if rate is None else float(rate)

    def _ask_if_known(self, name: str, pair: str) -> dict[str, Any]:
        """Ask for what not every pair has; empty where the exchange or an old ccxt has no answer."""
        api = ccxt_client(self._exchange)
        if not hasattr(api, name):
            return {}
        try:
            answer: dict[str, Any] = getattr(api, name)({"symbol": api.market_id(pair)})
        except ccxt.BaseError:
            return {}
        return answer

    def bnb_rate(self, quote: str) -> float | None:
        """:return: None where the exchange tells none that can be true."""
        with sensible(f"{self._exchange.name}'s tickers"):
            rate = self._exchange.get_conversion_rate("BNB", quote)
        return rate if rate is not None and 0 < rate < math.inf else None

    def _prints(self, pair: str, since_ms: int | None, limit: int) -> list[Print]:
        is_hyperliquid = self._exchange.id == "hyperliquid"
        fetch = self._recent_trades if is_hyperliquid else ccxt_client(self._exchange).fetch_trades
        raw = self._ask(fetch, pair, since_ms, limit)
        size = self._contract_size(pair)
        with sensible(f"{self._exchange.name}'s trades of {pair}"):
            prints = [Print.from_ccxt(trade, size) for trade in raw]
        return sorted(prints, key=lambda p: p.time_ms)

    def _recent_trades(self, pair: str, since_ms: int | None, limit: int) -> list[dict[str, Any]]:
        """Fetch Hyperliquid's public trades; ccxt knows only a user's own there (4.5.90, hyperliquid.py)."""
        api = ccxt_client(self._exchange)
        market = api.market(pair)
        raw = api.public_post_info(hyperliquid_tape(api, pair))
        trades: list[dict[str, Any]] = api.parse_trades(raw, market, since_ms, limit)
        return trades

    def _contract_size(self, pair: str) -> float:
        if self._exchange.trading_mode == TradingMode.SPOT:
            return 1.0
        return self._exchange.get_contract_size(pair) or 1.0

    @retrier
    def _ask(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call ccxt, and raise freqtrade's errors as freqtrade's own methods do."""
        try:
            with sensible(f"{self._exchange.name}'s answer to {call.__name__}"):
                return call(*args)
        except ccxt.DDoSProtection as error:
            raise DDosProtection(error) from error
        except (ccxt.OperationFailed, ccxt.ExchangeError) as error:
            raise TemporaryError(f"{call.__name__} failed: {type(error).__name__}: {error}") from error
        except ccxt.BaseError as error:
            raise OperationalException(error) from error


def _levels(raw: list[list[float]], contract_size: float) -> list[Level]:
    return [(level[0], level[1] * contract_size) for level in raw]


def _advance(cursor: Cursor, prints: list[Print]) -> Cursor:
    """Move the cursor to the last print; ids tell the prints of one millisecond apart."""
    if not prints:
        return cursor
    last_ms = prints[-1].time_ms
    known = cursor.ids if last_ms == cursor.time_ms else ()
    return Cursor(last_ms, known + tuple(p.id for p in prints if p.time_ms == last_ms))
