"""Streams that work, and come seconds late: noticed by the exchange's clock, and not believed meanwhile."""

import asyncio
import logging
import time

import pytest

from freqtrade_ext.feed.binance import BinanceStreams
from tests.bot_process import wait_until
from tests.feed.followed import Binance, at_once, followed, lines, served
from tests.feed.test_silence import VENUES

pytestmark = pytest.mark.timeout(120)
LATE_SECONDS = 2.6


@pytest.fixture
def delay(monkeypatch):
    """Let Binance's messages arrive late, in their order."""
    seconds, hear, due = [0.0], BinanceStreams._hear, [0.0]

    def later(self, message):
        loop = asyncio.get_running_loop()
        due[0] = max(loop.time() + seconds[0], due[0] + 1e-6)
        loop.call_at(due[0], hear, self, message)

    monkeypatch.setattr(BinanceStreams, "_hear", later)
    return seconds


def test_streams_that_come_late_are_said_once_and_serve_nothing(caplog, delay):
    """They moved, so they were believed, seconds old as they were."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")

    def test(venue, pair):
        def hold(seconds):
            if venue is Binance:
                delay[0] = seconds
            else:
                market.late_seconds = seconds

        with followed(venue, pair, is_quiet=False) as (market, feed):
            wait_until(feed.round_trips_ms, "the exchange's clock", 10)
            # in two steps: a stream that pauses for two seconds is asked about, and lost for another reason
            hold(LATE_SECONDS / 2)
            time.sleep(LATE_SECONDS / 2)
            hold(LATE_SECONDS)
            wait_until(lambda: lines(caplog, feed, "s late: REST serves"), "a line that says so", 40)
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                assert served(feed, pair) is None
                assert feed.prints(pair, None) is None
                time.sleep(0.1)
            assert len(lines(caplog, feed, "s late")) == 1
            hold(0.0)
            wait_until(lambda: served(feed, pair), "the stream to be in time again", 40)
            assert lines(caplog, feed, "is in step again")

    names = ("binance-spot", "bybit-spot", "okx-swap", "hyperliquid-perps")
    at_once(test, {name: VENUES[name] for name in names})
