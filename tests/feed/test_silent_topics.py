"""Topics of busy pairs that stop, one or several: said in one line and subscribed to again."""

import logging

import pytest

from freqtrade_ext.fills.market import Cursor
from tests.bot_process import wait_until
from tests.feed.followed import Binance, at_once, followed, lines, served
from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx

pytestmark = pytest.mark.timeout(120)

BOOK_AND_TRADES = [("book",), ("trades",), ("book", "trades")]
WITH_BEST = [*BOOK_AND_TRADES, ("best",), ("book", "best"), ("best", "trades")]
BINANCE = {"book": "depth", "best": "bookTicker", "trades": "aggTrade"}
VENUES = {
    "binance-spot": (Binance, "BTC/USDT", BINANCE, WITH_BEST),
    "binance-usdm": (Binance, "BTC/USDT:USDT", BINANCE, WITH_BEST),
    "bybit": (Bybit, "BTC/USDT:USDT", {"book": "orderbook", "trades": "publicTrade"}, BOOK_AND_TRADES),
    "okx": (Okx, "BTC/USDT:USDT", {"book": "books", "trades": "trades"}, BOOK_AND_TRADES),
    "hyperliquid": (Hyperliquid, "BTC/USDC:USDC", {"book": "l2Book", "trades": "trades"}, BOOK_AND_TRADES),
}


@pytest.mark.parametrize("name", VENUES)
def test_a_silent_topic_of_a_busy_pair_is_said_and_subscribed_again(name, caplog):
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")
    venue, pair, names, combined = VENUES[name]

    def test(*topics):
        with followed(venue, pair, is_quiet=False, activity=3.0) as (market, feed):
            wait_until(lambda: feed.prints(pair, None), "a first trade", 30)
            for topic in topics:
                market.silence(names[topic])

            def is_said():
                served(feed, pair)
                return lines(caplog, feed, "REST serves")

            # trades come at random, a second apart and more
            wait_until(is_said, "a line that says so", 20)
            market.speak()
            wait_until(lambda: served(feed, pair), "the book to be followed again", 30)
            wait_until(lambda: feed.prints(pair, None), "trades to be followed again", 30)

    at_once(test, {"+".join(topics): topics for topics in combined})


@pytest.mark.parametrize("pair", ["BTC/USDT", "BTC/USDT:USDT"])
def test_bybit_s_gaps_are_noticed(pair, caplog):
    """After two lost messages up to 12 of 80 levels were wrong, and nobody knew."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")
    with followed(Bybit, pair, is_quiet=False, activity=3.0) as (market, feed):
        market.lose("orderbook", 2)
        wait_until(lambda: lines(caplog, feed, "has a gap: update"), "the gap to be said", 5)
        wait_until(lambda: feed.book(pair, 50), "a book again", 20)
        assert len(lines(caplog, feed, "REST serves")) == 1


def test_prints_of_a_silent_stream_are_not_taken_for_an_empty_tape():
    with followed(Okx, "BTC/USDT", is_quiet=False, activity=3.0) as (market, feed):
        latest = wait_until(lambda: feed.prints("BTC/USDT", None), "a first trade", 20)
        cursor = Cursor(latest[-1].time_ms, (latest[-1].id,))
        market.silence("trades")
        wait_until(lambda: feed.prints("BTC/USDT", cursor) is None, "the tape to be left to REST", 15)
