"""Streams that work, and come seconds late: noticed by the exchange's clock, and not believed meanwhile."""

import asyncio
import logging
import time
from types import SimpleNamespace

import pytest

from freqtrade_ext.feed.binance import BinanceStreams
from freqtrade_ext.fills.market import Cursor
from tests.bot_process import wait_until
from tests.feed.followed import Binance, at_once, followed, lines, served
from tests.feed.test_silence import VENUES

pytestmark = pytest.mark.timeout(120)
LATE_SECONDS = 2.6


@pytest.fixture
def delay(monkeypatch):
    """Let Binance's messages arrive late, in their order; all of them, or just trades."""
    late, hear, due = SimpleNamespace(seconds=0.0, only=""), BinanceStreams._hear, {}

    def later(self, message):
        loop, event = asyncio.get_running_loop(), message["data"].get("e", "")
        seconds = late.seconds if late.only in event else 0.0
        due[event] = max(loop.time() + seconds, due.get(event, 0.0) + 1e-6)
        loop.call_at(due[event], hear, self, message)

    monkeypatch.setattr(BinanceStreams, "_hear", later)
    return late


def test_streams_that_come_late_are_said_once_and_serve_nothing(caplog, delay):
    """They moved, so they were believed, seconds old as they were."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")

    def test(venue, pair):
        def hold(seconds):
            if venue is Binance:
                delay.seconds = seconds
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


def test_trades_that_come_later_than_the_book_are_said_once_and_left_to_rest(caplog, delay):
    """The book had shown them as cancels by then, and they moved each queue a second time."""
    caplog.set_level(logging.INFO, "freqtrade_ext.feed")
    delay.only = "aggTrade"

    def test(venue, pair):
        with followed(venue, pair, is_quiet=False, activity=10.0) as (market, feed):
            wait_until(lambda: feed.prints(pair, None), "a first trade", 30)
            if venue is Binance:
                delay.seconds = LATE_SECONDS / 2
            else:
                market.late, market.late_seconds = "publicTrade|trades", LATE_SECONDS / 2
            wait_until(
                lambda: feed.prints(pair, None) is None and lines(caplog, feed, "s after the book"),
                "a line",
                30,
            )
            assert served(feed, pair)
            assert not feed.is_trading(pair)
            market.late_seconds = delay.seconds = 0.0
            wait_until(lambda: feed.prints(pair, None), "trades in time again", 30)
            assert len(lines(caplog, feed, "s after the book")) == 1
            assert not lines(caplog, feed, "in step again")

    names = ("binance-spot", "binance-usdm", "bybit-spot", "okx-swap", "hyperliquid-perps")
    at_once(test, {name: VENUES[name] for name in names})


def test_a_trade_stamped_in_the_future_hides_no_others():
    """All later trades seemed to be from before it, for as long as it was ahead."""
    pair = "BTC/USDT"
    with followed(Binance, pair, is_quiet=True) as (market, feed):

        def trade():
            known = feed.prints(pair, None)
            market.take("BTC", "buy", 0.001)
            return wait_until(lambda: (new := feed.prints(pair, None)) != known and new, "a trade", 20)[-1]

        trade()
        first = trade()
        streams = feed._following.streams(pair)
        ahead = first._replace(id=f"0{first.id}", time_ms=first.time_ms + 3_600_000)
        streams.prints.append(ahead)
        assert feed.prints(pair, Cursor(first.time_ms, (first.id,))) == [ahead]
        second = trade()
        assert feed.prints(pair, Cursor(first.time_ms, (first.id,))) == [second]
        # of a cursor that is ahead, REST decides
        assert feed.prints(pair, Cursor(ahead.time_ms, (ahead.id,))) is None
