"""The exchange's clock: whose samples count, and what becomes of a fill on a slow line."""

import asyncio
import random
import time

import ccxt.pro
import pytest

from freqtrade_ext.feed.clock import ExchangeClock, Sample
from freqtrade_ext.replica import Replica
from tests.bot_process import wait_until
from tests.feed.followed import followed
from tests.venues.bybit import Bybit


def clock(*samples):
    made = ExchangeClock(None)
    for asked, offset_ms, error_ms in samples:
        made.add(Sample(asked, offset_ms, error_ms))
    return made


def test_the_shortest_round_trip_counts():
    assert clock((0, 40.0, 60.0), (1, 3.0, 5.0), (2, -20.0, 40.0)).offset_ms == 3.0


def test_an_old_sample_gives_way_to_a_worse_one_for_the_drift_of_clocks():
    """Half a millisecond in ten seconds."""
    assert clock((0, 3.0, 5.0), (60, 6.0, 9.0)).offset_ms == 3.0
    assert clock((0, 3.0, 5.0), (1000, 6.0, 9.0)).offset_ms == 6.0


def test_a_clock_that_was_set_makes_what_was_known_void():
    made = clock((0, 3.0, 5.0), (30, 2003.0, 20.0))
    assert made.offset_ms == 2003.0
    assert made.local_ms(1_000_000) == 1_002_003


def test_the_rate_limit_of_ccxt_is_no_part_of_the_way():
    """It made each request wait some 10 ms, and the local clock 5 ms slow."""

    async def measured(client):
        made = ExchangeClock(client)
        following = asyncio.create_task(made.follow())
        await asyncio.to_thread(wait_until, lambda: len(made.round_trips_ms) > 4, "five answers", 10)
        following.cancel()
        await client.close()
        return made

    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica:
        made = asyncio.run(measured(ccxt.pro.binance(replica.overlay()["exchange"]["ccxt_config"])))
    assert made.round_trip_ms < 5
    assert abs(made.offset_ms) < 2.5


@pytest.mark.parametrize("round_trip_ms", [0, 50, 200])
@pytest.mark.parametrize("ahead_ms", [0, 700])
def test_fills_see_the_stream_s_book_of_their_arrival_on_a_slow_line_too(round_trip_ms, ahead_ms):
    """At a round trip of 200 ms 0 of 60 did: the clock's first round trip was taken for its offset."""
    stub = {"activity": 3.0, "ahead_ms": ahead_ms, "delay": round_trip_ms / 2000}
    with followed(Bybit, "BTC/USDT", is_quiet=False, **stub) as (_, feed):
        wait_until(lambda: feed._clock.round_trip_ms, "the exchange's time", 10)
        time.sleep(2)
        books = []
        for _ in range(20):
            time.sleep(random.uniform(0.02, 0.2))
            arrival_ms = time.time_ns() // 1_000_000
            books.append((arrival_ms, feed.book("BTC/USDT", 20, not_before_ms=arrival_ms)))
        live = [(arrival_ms, book) for arrival_ms, book in books if book is not None]
        assert len(live) >= 15
        # the stub's clock is this machine's, so the truth is known
        assert all(book.stamp_ms - ahead_ms >= arrival_ms - 10 for arrival_ms, book in live)
