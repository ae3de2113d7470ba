"""Quiet pairs whose streams stop while the line lives: noticed by one cheap answer of REST."""

import logging
import time

import pytest

from freqtrade_ext.feed.alarms import Alarm
from tests.bot_process import wait_until
from tests.feed.followed import Binance, at_once, followed, lines, served
from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx

pytestmark = pytest.mark.timeout(120)

NOTICED_SECONDS = 5
"""two of silence, one for the news to arrive, and a little for the machine"""
FALLEN = [(98_000, 0.5), (97_990, 2)], [(98_010, 0.25), (98_030, 1)]
VENUES = {
    "binance-spot": (Binance, "BTC/USDT"),
    "binance-usdm": (Binance, "BTC/USDT:USDT"),
    "bybit-spot": (Bybit, "BTC/USDT"),
    "bybit-linear": (Bybit, "BTC/USDT:USDT"),
    "okx-spot": (Okx, "BTC/USDT"),
    "okx-swap": (Okx, "BTC/USDT:USDT"),
    "hyperliquid-spot": (Hyperliquid, "BTC/USDC"),
    "hyperliquid-perps": (Hyperliquid, "BTC/USDC:USDC"),
}


def test_a_quiet_pair_whose_streams_are_silent_is_not_believed_when_rest_knows_better(caplog):
    """Five minutes long the bot believed 104,000 while REST said 98,000, as the line answered pings."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")

    def test(venue, pair):
        with followed(venue, pair, is_quiet=True) as (market, feed):
            market.silence("")
            market.book("BTC", *FALLEN)
            wait_until(lambda: served(feed, pair) is None, "the stream to be dropped", NOTICED_SECONDS)
            assert not lines(caplog, feed, "in step again")
            wait_until(lambda: lines(caplog, feed, "REST serves"), "a line that says so", NOTICED_SECONDS)
            market.speak()
            wait_until(lambda: served(feed, pair) == (98_000, 98_010), "the stream to be right again", 30)

    at_once(test, VENUES)


def test_a_quiet_pair_whose_streams_are_right_is_served_without_a_word(caplog):
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")

    def test(venue, pair):
        with followed(venue, pair, is_quiet=True) as (_, feed):
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                assert served(feed, pair) == (104_000, 104_010)
                time.sleep(0.1)
            assert not lines(caplog, feed, "REST serves")

    at_once(test, VENUES)


def test_an_alarm_rings_when_rest_disagrees_with_the_stream():
    """A stop is looked at by REST at once, not when the bot's pause is over."""
    with followed(Bybit, "BTC/USDT", is_quiet=True) as (market, feed):
        market.silence("")
        market.book("BTC", *FALLEN)
        started = time.monotonic()
        assert feed.wait({"BTC/USDT": Alarm(False, 100_000, 110_000)}, 20)
        assert time.monotonic() - started < NOTICED_SECONDS


def test_a_dead_line_is_noticed_in_seconds(caplog):
    """Neither word nor end comes through; ccxt alone takes 55 s."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")

    def test(venue, pair):
        with followed(venue, pair, is_quiet=True) as (market, feed):
            market.cut()
            wait_until(lambda: served(feed, pair) is None, "the line's silence to be noticed", 2)
            wait_until(lambda: lines(caplog, feed, "REST serves"), "a line that says so", 6)
            wait_until(lambda: served(feed, pair) == (104_000, 104_010), "a new line", 20)

    at_once(test, {name: case for name, case in VENUES.items() if case[0] is not Binance})
