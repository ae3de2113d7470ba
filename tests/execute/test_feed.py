"""The feed through the real ccxt.pro client, on the embedded exchange, with its streams in order and not."""

import asyncio
import json
import logging
import threading
import time
from urllib.request import Request, urlopen

import psutil
import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.execute.engine import Cursor
from freqtrade_ext.execute.feed import Alarm, Feed
from freqtrade_ext.execute.install import install
from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.settings import Settings
from tests.bot_process import wait_until

PAIRS = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
PAIR, SYMBOL = "BTC/USDT", "BTCUSDT"
PRICING = {"price_side": "other", "use_order_book": True, "order_book_top": 1}


class Truth:
    """Every best bid and ask the market has had, by update id."""

    def __init__(self, market):
        self.best = {}
        self.note(market)
        market.observers.append(self)

    def note(self, market):
        bid, ask = (side.levels(1) for side in (market.bids, market.asks))
        if bid and ask:
            self.best[market.update_id] = tuple((rate / E8, amount / E8) for rate, amount in (bid[0], ask[0]))

    def book_changed(self, market, ms, bids, asks):
        self.note(market)

    def traded(self, market, trades, agg): ...
    def filled(self, market, order_id, trade): ...


class WatchedFeed(Feed):
    """Keeps what is served after each update."""

    def __init__(self, exchange, fresh_ms=1000):
        self.served = []
        super().__init__(exchange, fresh_ms)

    def _changed(self, pair, watched):
        super()._changed(pair, watched)
        book = watched.streams._book
        levels = watched.streams.levels(1)
        if book is not None and levels is not None:
            update_id = max(book.update_id, book.top.update_id if book.top else 0)
            self.served.append((pair, update_id, (levels[0][0], levels[1][0])))


@pytest.fixture(scope="module")
def replica():
    with Replica(seed=3, pairs=PAIRS, scenario="calm", activity=3.0) as replica:
        yield replica


@pytest.fixture(scope="module")
def exchange(replica):
    exchange = new_exchange(replica)
    yield exchange
    exchange.close()


def new_exchange(replica):
    config = replica.overlay()
    config["exchange"]["pair_whitelist"] = PAIRS
    config |= {
        "dry_run": True,
        "dry_run_wallet": 500,
        "stake_currency": "USDT",
        "runmode": RunMode.DRY_RUN,
        "trading_mode": "spot",
        "margin_mode": "",
        "timeframe": "5m",
        "entry_pricing": PRICING,
        "exit_pricing": PRICING,
    }
    return ExchangeResolver.load_exchange(config, validate=True)


@pytest.fixture
def truth(replica):
    market = replica.exchange.running[SYMBOL].market
    truth = Truth(market)
    yield truth
    market.observers.remove(truth)


@pytest.fixture
def feed(replica, exchange):
    feed = WatchedFeed(exchange)
    yield feed
    feed.close()
    control(replica, "fault", clear=True)


def control(replica, path, **body):
    with urlopen(Request(f"{replica.url}/control/{path}", json.dumps(body).encode()), timeout=5) as answer:
        assert answer.status == 200


def depth_requests(replica):
    with urlopen(f"{replica.url}/control/requests", timeout=5) as answer:
        return json.load(answer)["counts"].get("GET /api/v3/depth", 0)


def in_step(feed, pair=PAIR, seconds=10):
    return wait_until(lambda: feed.book(pair, 20), f"the live book of {pair}", seconds)


def mismatches(feed, truth):
    """Updates whose best bid or ask is not the exchange's at the same update id."""
    served = [(number, best) for pair, number, best in feed.served if pair == PAIR]
    return len(served), [s for s in served if truth.best.get(s[0]) != s[1]]


def test_best_bid_and_ask_are_the_exchanges_at_every_update(feed, truth):
    in_step(feed)
    time.sleep(5)
    compared, wrong = mismatches(feed, truth)
    assert compared > 100
    assert wrong == []


def test_a_book_is_as_deep_as_asked_for_and_no_deeper_than_known(feed):
    assert feed.book(PAIR, 20) is None, "the first question only begins to follow the pair"
    book = in_step(feed)
    assert (len(book.bids), len(book.asks)) == (20, 20)
    assert len(feed.book(PAIR, 500).asks) == 500
    assert feed.book(PAIR, 5000) is None, "the snapshot reaches 1000 levels"
    bid, ask = feed.top(PAIR)
    assert bid < ask


FAULTS = {
    "gap": ({"stream": "btcusdt@depth", "kind": "gap"}, "has a gap"),
    "reordering": ({"stream": "btcusdt@depth", "kind": "reorder"}, "has a gap"),
    "disconnect": ({"disconnect": True}, "closed by remote server"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_lost_said_once_and_back_in_seconds(feed, truth, replica, caplog, name):
    caplog.set_level(logging.INFO, "freqtrade_ext.execute.feed")
    fault, said = FAULTS[name]
    in_step(feed)
    control(replica, "fault", **fault)
    wait_until(lambda: feed.book(PAIR, 20) is None, "the book to be dropped", 5)
    started = time.monotonic()
    in_step(feed)
    assert time.monotonic() - started < 5
    time.sleep(1)
    lost = [r.message for r in caplog.records if "REST serves" in r.message and PAIR in r.message]
    assert len(lost) == 1
    assert said in lost[0]
    assert [r.message for r in caplog.records].count(f"Live book of {PAIR} is in step again.") == 1
    assert mismatches(feed, truth)[1] == []
