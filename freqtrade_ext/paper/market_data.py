"""freqtrade's exchange object on paper: markets, books, rates and fees, from the feed."""

from __future__ import annotations

from typing import Any

from ccxt import ROUND
from freqtrade.constants import MakerTaker
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.util import FtTTLCache

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.fills.book import Book
from freqtrade_ext.paper.asking import sensible
from freqtrade_ext.paper.fee_rates import FeeRates
from freqtrade_ext.paper.listing import require_listed
from freqtrade_ext.paper.stock import (
    ccxt_client,
    config_of,
    contract_size,
    forget_zero_steps,
    restore_async_markets,
)


class PaperMarketData(Exchange):
    """Markets, books, rates and fees. Answers that cannot be true are errors that the bot survives."""

    feed: Feed | None
    tickers: FtTTLCache
    mids: FtTTLCache
    """pair -> middle of the best bid and ask that the bot saw last, quote per base"""
    fee_rates: FeeRates | None
    """None where ccxt says what is paid"""

    def close(self) -> None:
        feed = self.__dict__.get("feed")  # absent where the exchange dies before it is installed
        if feed:
            feed.close()
        super().close()

    def _load_async_markets(self, reload: bool = False) -> None:
        """
        Keep the markets that are known where the exchange answers without any.

        Stock freqtrade takes that answer over and stops trading for good, with trades open (2026.9
        exchange.py `reload_markets`, hourly; worker.py `_process_running`).
        """
        with sensible(f"{self.name}'s markets"):
            super()._load_async_markets(reload)
            forget_zero_steps(self)
        if restore_async_markets(self):
            raise TemporaryError(f"{self.name} answered without any market")

    def price_to_precision(self, pair: str, price: float, *, rounding_mode: int = ROUND) -> float:
        """
        Round a rate to what the exchange takes.

        Hyperliquid takes five significant figures; stock freqtrade keeps the tick that followed from the
        rate when markets were loaded, which is wrong on the other side of a power of ten.
        """
        if self.id == "hyperliquid":
            return float(ccxt_client(self).price_to_precision(pair, price))
        return super().price_to_precision(pair, price, rounding_mode=rounding_mode)

    def get_fee(
        self,
        symbol: str,
        order_type: str = "",
        side: str = "",
        amount: float = 1,
        price: float = 1,
        taker_or_maker: MakerTaker = "maker",
    ) -> float:
        """Return what the venue charges; `fee` in the configuration goes first, as in stock freqtrade."""
        if self.fee_rates is None or config_of(self).get("fee") is not None:
            return super().get_fee(symbol, order_type, side, amount, price, taker_or_maker)
        is_taker = taker_or_maker == "taker" or order_type == "market"
        return self.fee_rates.taker if is_taker else self.fee_rates.maker

    def fetch_l2_order_book(self, pair: str, limit: int = 100) -> dict[str, Any]:
        """
        Return the book from the feed, else by REST.

        :raises TemporaryError: for a pair that is not listed, which the feed may still know, and for a book
            that cannot be true, which stock freqtrade would trade on.
        """
        require_listed(self, pair)
        book = self.feed.book(pair, limit) if self.feed else None
        if book:
            # ccxt counts contracts, the engine base units
            size = contract_size(self, pair)
            order_book = {
                "symbol": pair,
                "bids": [(rate, amount / size) for rate, amount in book.bids],
                "asks": [(rate, amount / size) for rate, amount in book.asks],
                "timestamp": book.time_ms,
                "datetime": None,
                "nonce": None,
            }
        else:
            with sensible(f"{self.name}'s order book of {pair}"):
                order_book = super().fetch_l2_order_book(pair, limit)
                book = Book(order_book["bids"], order_book["asks"], 0, limit)
        if book.bids and book.asks:
            self.mids[pair] = (book.bids[0][0] + book.asks[0][0]) / 2
        return order_book

    def fetch_ticker(self, pair: str) -> dict[str, Any]:
        """Bid, ask and last come from the feed; the figures of the last 24 hours once a minute by REST."""
        require_listed(self, pair)
        top = self.feed.top(pair) if self.feed else None
        last = self.feed.prints(pair, None) if self.feed else None
        ticker = self.tickers.get(pair) if top and last else None
        if ticker is None:
            with sensible(f"{self.name}'s ticker of {pair}"):
                ticker = self.tickers[pair] = super().fetch_ticker(pair)
        if top and last:
            ticker = ticker | {"bid": top[0], "ask": top[1], "last": last[-1].rate, "close": last[-1].rate}
        if ticker["bid"] and ticker["ask"]:
            self.mids[pair] = (ticker["bid"] + ticker["ask"]) / 2
        return ticker

    def get_min_pair_stake_amount(
        self, pair: str, price: float, stoploss: float, leverage: float = 1.0
    ) -> float | None:
        require_listed(self, pair)
        return super().get_min_pair_stake_amount(pair, price, stoploss, leverage)

    def get_max_pair_stake_amount(self, pair: str, price: float, leverage: float = 1.0) -> float:
        require_listed(self, pair)
        return super().get_max_pair_stake_amount(pair, price, leverage)
