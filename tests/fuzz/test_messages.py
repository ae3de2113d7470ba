"""Messages of any content: a true book, or an error, which ends the connection and lets REST serve."""

import asyncio
import math

import ccxt.pro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.feed.binance import BinanceStreams
from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.feed.sockets import raw_client
from freqtrade_ext.feed.streams import OutOfStep
from tests.fuzz.hostile import json_values, numerals

sane = st.floats(1, 100)


def client():
    made = raw_client(ccxt.pro.binance())
    market = {"id": "BTCUSDT", "lowercaseId": "btcusdt", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT"}
    made.set_markets([made.safe_market_structure({**market, "type": "spot", "spot": True})])
    return made


CLIENT = client()
raw_levels = st.lists(
    st.tuples(st.one_of(sane.map(str), numerals), st.one_of(sane.map(str), numerals)), max_size=3
)
ids = st.one_of(st.integers(1, 12), json_values)
messages = st.one_of(
    st.fixed_dictionaries({"U": ids, "u": ids, "b": raw_levels, "a": raw_levels, "E": ids}),
    st.fixed_dictionaries({"u": ids} | dict.fromkeys("bBaA", st.one_of(sane.map(str), numerals))),
    st.fixed_dictionaries(
        {"e": st.just("aggTrade"), "a": ids, "m": json_values, "T": ids} | dict.fromkeys("pq", numerals)
    ),
    json_values,
)


@given(st.lists(messages, max_size=6))
def test_a_message_of_any_content_leaves_a_true_book_or_ends_the_connection(heard):
    streams = BinanceStreams(CLIENT, "BTC/USDT", lambda: None)
    streams._book = LocalBook()
    streams._book.snapshot(0, [(50.0, 1.0), (49.0, 1.0)], [(51.0, 1.0), (52.0, 1.0)])
    streams._worst = {"buy": None, "sell": None}
    for data in heard:
        try:
            streams._hear({"data": data})
        except (OutOfStep, KeyError, ValueError, TypeError, AttributeError, OverflowError):
            return
        for side, sign in (("buy", 1), ("sell", -1)):
            found = list(streams._book.levels(side))
            # an empty side's best is 0 x 0
            assert all(0 <= rate < math.inf and 0 <= amount < math.inf for rate, amount in found)
            rates = [sign * rate for rate, _ in found]
            assert rates == sorted(set(rates))
        for p in streams.prints:
            assert 0 <= p.rate < math.inf
            assert 0 <= p.amount < math.inf


def test_a_message_of_another_pair_ends_the_connection():
    """Its best bid was taken for this pair's, and met the stop."""
    streams = BinanceStreams(CLIENT, "BTC/USDT", lambda: None)
    best = {"u": 9, "b": "2500.00", "B": "1", "a": "2501.00", "A": "1"}
    streams._hear({"data": best | {"s": "BTCUSDT"}})
    with pytest.raises(OutOfStep, match="was told of ETHUSDT"):
        streams._hear({"data": best | {"s": "ETHUSDT"}})


def teardown_module():
    asyncio.run(CLIENT.close())
