"""Whether a pair's market is open, asked of the embedded exchange and each venue's stub."""

import pytest
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.replica import Replica
from tests.feed.followed import Binance, configuration
from tests.feed.test_feed import control, new_exchange
from tests.feed.test_silence import VENUES


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY", "END_OF_DAY", "DELISTED"])
def test_a_market_that_was_open_when_freqtrade_looked_is_known_to_be_closed(status):
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica:
        exchange = new_exchange(replica, ["BTC/USDT"])
        try:
            assert Venue(exchange).is_open("BTC/USDT")
            control(replica, "symbol", symbol="BTCUSDT", status=status)
            assert not Venue(exchange).is_open("BTC/USDT")
        finally:
            exchange.close()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"symbols": [7]}'])
def test_a_question_for_the_listing_that_fails_refuses_no_stop(body):
    """A stop waited for as long as `exchangeInfo` was garbage, while the exchange took orders."""
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica:
        exchange = new_exchange(replica, ["BTC/USDT"])
        try:
            control(replica, "fault", path="/api/v3/exchangeInfo", count=10, body=body)
            assert Venue(exchange).is_open("BTC/USDT")
        finally:
            exchange.close()


def test_a_perpetual_that_is_no_longer_listed_is_closed():
    """The answer without it was a StopIteration, which nothing catches."""
    with Binance(["BTC/USDT:USDT"], futures=True) as market:
        exchange = ExchangeResolver.load_exchange(configuration(market), validate=True)
        try:
            control(market._replica, "symbol", symbol="BTCUSDT", status="DELISTED")
            assert not Venue(exchange).is_open("BTC/USDT:USDT")
        finally:
            exchange.close()


@pytest.mark.parametrize(("venue", "pair"), VENUES.values(), ids=VENUES)
def test_one_market_is_asked_for_in_each_venue_s_way(venue, pair):
    with venue([pair], futures=":" in pair) as market:
        exchange = ExchangeResolver.load_exchange(configuration(market), validate=True)
        try:
            assert Venue(exchange).is_open(pair)
        finally:
            exchange.close()
