"""One clock for the process and the embedded exchange."""

import math
import threading
import time

import pandas as pd
import pytest
from freqtrade.data.converter import converter
from freqtrade.worker import Worker

from freqtrade_ext.feed.alarms import Alarm
from freqtrade_ext.replica import Replica
from freqtrade_ext.run.virtual_time import START, Clock, VirtualTime, Watch, clean_candles_left_as_they_are

HOUR_MS = 3_600_000


@pytest.fixture
def virtual():
    clock = Clock()
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm", clock=clock, activity=0.05) as replica:
        yield VirtualTime(replica, clock, clock.ms + HOUR_MS)


def market_of(virtual):
    return virtual.replica.exchange.running["BTCUSDT"].market


def test_sleep_moves_the_clock_and_the_market_without_waiting(virtual):
    candles = len(market_of(virtual).candles.minutes())
    started = time.monotonic()
    with virtual.running():
        assert time.time() == START.timestamp()
        time.sleep(1800)
        assert time.time() == START.timestamp() + 1800
        assert len(market_of(virtual).candles.minutes()) == candles + 30
    assert time.monotonic() - started < 60
    assert time.time() != START.timestamp() + 1800


def test_other_threads_sleep_for_real(virtual):
    waited = []

    def wait():
        started = time.monotonic()
        time.sleep(0.2)
        waited.append(time.monotonic() - started)

    with virtual.running():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
        assert time.time() == START.timestamp()
    assert waited[0] >= 0.2


def test_sleeps_are_put_back_after_an_error(virtual):
    stock = (time.sleep, Worker._sleep)
    with pytest.raises(ValueError, match="of the bot"), virtual.running():
        raise ValueError("of the bot")
    assert (time.sleep, Worker._sleep) == stock


@pytest.mark.parametrize(
    ("is_short", "bid", "ask", "is_ringing"),
    [
        (False, 99.0, 99.1, False),
        (False, 95.0, 95.1, True),  # the stop itself
        (False, 101.9, 102.0, False),  # an exit gets the bid
        (False, 102.0, 102.1, True),
        (True, 100.9, 101.0, False),
        (True, 104.9, 105.0, True),  # the stop of a short, which pays the ask
        (True, 97.9, 98.0, True),
    ],
)
def test_alarm_rings_at_the_rate_that_an_exit_would_get(virtual, is_short, bid, ask, is_ringing):
    market = market_of(virtual)
    for side, rate in ((market.bids, bid), (market.asks, ask)):
        for level in list(side.rates()):
            side.put(level, 0)
        side.put(round(rate * 1e8), 100_000_000)
    stop_rate, target_rate = (105.0, 98.0) if is_short else (95.0, 102.0)
    low, high = sorted((stop_rate, target_rate))
    assert Watch(market, Alarm(is_short, low, high)).is_ringing() is is_ringing


def test_alarm_is_silent_on_an_empty_book_and_past_the_last_target(virtual):
    market = market_of(virtual)
    assert not Watch(market, Alarm(False, 1.0, math.inf)).is_ringing()
    for level in list(market.bids.rates()):
        market.bids.put(level, 0)
    assert not Watch(market, Alarm(False, 1e9, 2e9)).is_ringing()


def ticks(numbers, last_close=None):
    """Candles as ccxt gives them, by the number of the candle; the last one's close on demand."""
    start_ms = int(START.timestamp() * 1000)
    rows = [[start_ms + 300_000 * n, 100.0 + n, 103.0 + n, 98.0 + n, 101.0 + n, 5.0 + n] for n in numbers]
    if last_close is not None:
        rows[-1][4] = last_close
    return rows


@pytest.mark.parametrize(
    ("known", "news"),
    [
        (ticks(range(20)), ticks(range(15, 25))),
        (ticks(range(20)), ticks([*range(15, 19), 22, 23])),  # a gap
        (ticks([3, 1, 2]), ticks(range(4, 6))),  # no order
        (ticks(range(20), last_close=99.0), ticks(range(15, 25))),  # the exchange thinks better of a candle
        (ticks([0]), ticks([0])),
    ],
)
@pytest.mark.parametrize("drop_incomplete", [True, False])
def test_candles_are_what_freqtrade_makes_of_them(known, news, drop_incomplete):
    def candles():
        """As `Exchange._process_ohlcv_df` does it: the answer is put behind what is known."""
        frames = [
            converter.ohlcv_to_dataframe(
                rows, "5m", "X/Y", fill_missing=first, drop_incomplete=drop_incomplete
            )
            for rows, first in ((known, True), (news, False))
        ]
        return converter.clean_ohlcv_dataframe(
            pd.concat(frames), "5m", "X/Y", fill_missing=True, drop_incomplete=False
        )

    expected = candles()
    with clean_candles_left_as_they_are():
        pd.testing.assert_frame_equal(candles(), expected)
    pd.testing.assert_frame_equal(candles(), expected)
