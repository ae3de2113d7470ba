"""One clock for the process and the embedded exchange."""

import threading
import time

import pytest
from freqtrade.worker import Worker

from freqtrade_ext.replica import Replica
from freqtrade_ext.virtual_time import START, Alarm, Clock, VirtualTime

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
    assert Alarm(market, is_short, stop_rate, target_rate).is_ringing() is is_ringing


def test_alarm_is_silent_on_an_empty_book_and_past_the_last_target(virtual):
    market = market_of(virtual)
    assert not Alarm(market, False, 1.0, None).is_ringing()
    for level in list(market.bids.rates()):
        market.bids.put(level, 0)
    assert not Alarm(market, False, 1e9, 1.0).is_ringing()
