"""The feed through the real ccxt.pro client, on the embedded exchange, with its streams in order and not."""

import asyncio
import json
import logging
import threading
import time
from functools import partial
from operator import le
from urllib.request import Request, urlopen

import psutil
import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.feed.alarms import Alarm
from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.paper.stock import share_markets, streaming_client
from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.tape import Recording
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


def new_feed(exchange, kind=Feed):
    return kind(streaming_client(exchange), 1000, partial(share_markets, exchange))


class WatchedFeed(Feed):
    """Keeps what is served after each update."""

    def __init__(self, *arguments):
        self.served = []
        super().__init__(*arguments)

    def _changed(self, pair):
        super()._changed(pair)
        streams = self._following.streams(pair)
        book, levels = streams._book, streams.levels(1)
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


def new_exchange(replica, pairs=PAIRS):
    config = replica.overlay()
    config["exchange"]["pair_whitelist"] = pairs
    config["exchange"]["ccxt_config"]["enableRateLimit"] = False
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
    feed = new_feed(exchange, WatchedFeed)
    yield feed
    feed.close()
    control(replica, "fault", clear=True)


def control(replica, path, /, **body):
    with urlopen(Request(f"{replica.url}/control/{path}", json.dumps(body).encode()), timeout=5) as answer:
        assert answer.status == 200


def in_step(feed, pair=PAIR, depth=20):
    return wait_until(lambda: feed.book(pair, depth), f"{depth} live levels of {pair}", 20)


def mismatches(feed, best, pair=PAIR):
    """
    Compare what was served with the best bid and ask at the same update id, as far as that is known.

    :return: number compared, and those that differ.
    """
    served = [(number, seen) for name, number, seen in feed.served if name == pair and number in best]
    return len(served), [(number, seen, best[number]) for number, seen in served if best[number] != seen]


def said(caplog, text):
    return [record.message for record in caplog.records if text in record.message]


def prints_of(replica, symbol=SYMBOL):
    return replica.exchange.running[symbol].market.agg_trades


def test_best_bid_and_ask_are_the_exchanges_at_every_update(feed, truth):
    in_step(feed)
    time.sleep(3)
    compared, wrong = mismatches(feed, truth.best)
    assert compared == len(feed.served) > 50
    assert wrong == []


def test_a_book_is_as_deep_as_asked_for_and_no_deeper_than_known(feed):
    assert feed.book(PAIR, 20) is None, "the first question only begins to follow the pair"
    book = in_step(feed)
    assert (len(book.bids), len(book.asks)) == (20, 20)
    assert len(feed.book(PAIR, 500).asks) == 500
    assert feed.book(PAIR, 5000) is None, "the snapshot reaches 1000 levels"
    bid, ask = feed.top(PAIR)
    assert bid < ask


RECORDINGS = {
    "BTC/USDT": ("hftbacktest_spot_BTCUSDT_20240808", 10, 500),
    "NEXO/USDT": ("nexo_spot_NEXOUSDT_20240723_24", 200, 100),
}


@pytest.mark.parametrize("pair", RECORDINGS)
def test_a_recording_through_the_real_client_equals_its_best_bid_ask_stream(shared_data, pair):
    """Played fast; each best bid and ask served is compared with the recorded bookTicker of the same id."""
    folder, speed, least = RECORDINGS[pair]
    files = sorted((shared_data / "book" / folder).glob("*.gz"))
    recorded = recorded_tops(files)
    with Replica(recording=files, speed=speed) as replica:
        ids = ids_given(replica.exchange.running[pair.replace("/", "")].market)
        exchange = new_exchange(replica, [pair])
        feed = new_feed(exchange, WatchedFeed)
        try:
            in_step(feed, pair)
            time.sleep(3)
            feed.close()
            best = {given: recorded[own] for given, own in ids.copy().items() if own in recorded}
            compared, wrong = mismatches(feed, best, pair)
            assert wrong == []
            assert compared > least
        finally:
            feed.close()
            exchange.close()


def recorded_tops(files):
    tops = {}
    for record in Recording(files):
        if record.kind == "bookTicker":
            data = record.data
            tops[data["u"]] = tuple((float(data[name]), float(data[name.upper()])) for name in "ba")
    return tops


def ids_given(market):
    """Update ids that the replica gives to what it plays -> the recorded ones."""
    ids, apply = {}, market.apply

    def note(happening):
        apply(happening)
        if getattr(happening, "update_id", None) is not None:
            ids[market.update_id] = happening.update_id

    market.apply = note
    return ids


FAULTS = {
    "gap": ({"stream": "btcusdt@depth", "kind": "gap"}, "has a gap: update"),
    "reordering": ({"stream": "btcusdt@depth", "kind": "reorder"}, "has a gap: update"),
    "silent differences": (
        # noticed after three seconds, followed anew after four: in between it must be over
        {"stream": "btcusdt@depth", "kind": "silence", "seconds": 3.5},
        "has had no difference for",
    ),
    "disconnect": ({"disconnect": True}, "closed by remote server"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_lost_said_once_and_back_in_seconds(feed, truth, replica, caplog, name):
    caplog.set_level(logging.INFO, "freqtrade_ext.feed.following")
    fault, why = FAULTS[name]
    in_step(feed)
    control(replica, "fault", **fault)
    wait_until(lambda: feed.book(PAIR, 20) is None, "the book to be dropped", 6)
    started = time.monotonic()
    in_step(feed)
    assert time.monotonic() - started < 5
    time.sleep(0.5)
    lost = said(caplog, "REST serves")
    assert len(lost) == 1
    assert f"Live book of {PAIR}" in lost[0]
    assert why in lost[0]
    assert said(caplog, "in step again") == [f"Live book of {PAIR} is in step again."]
    assert mismatches(feed, truth.best)[1] == []


@pytest.mark.parametrize("stream", ["btcusdt@depth", "btcusdt@bookTicker", "btcusdt@aggTrade"])
def test_duplicates_change_nothing(feed, truth, replica, caplog, stream):
    in_step(feed)
    control(replica, "fault", stream=stream, kind="duplicate", count=30)
    time.sleep(1)
    assert feed.book(PAIR, 20)
    assert said(caplog, "REST serves") == []
    assert mismatches(feed, truth.best)[1] == []
    prints = feed.prints(PAIR, Cursor(prints_of(replica)[-1].ms - 60_000, ())) or []
    assert len({p.id for p in prints}) == len(prints)


@pytest.mark.parametrize("kind", ["gap", "reorder", "silence"])
def test_best_bid_ask_that_are_late_or_missing_are_never_served_as_new(feed, truth, replica, caplog, kind):
    in_step(feed)
    count = {"seconds": 1} if kind == "silence" else {"count": 20}
    control(replica, "fault", stream="btcusdt@bookTicker", kind=kind, **count)
    time.sleep(1.5)
    assert feed.book(PAIR, 20)
    assert said(caplog, "REST serves") == []
    assert mismatches(feed, truth.best)[1] == []


def test_a_crossed_book_is_not_served(feed, replica, caplog):
    in_step(feed, "SOL/USDT")
    control(replica, "book", symbol="SOLUSDT", bids=[[160.2, 10]], asks=[[160.1, 10]])
    wait_until(lambda: said(caplog, "is crossed: REST serves"), "the crossed book to be noticed", 3)
    assert feed.book("SOL/USDT", 1) is None
    control(replica, "book", symbol="SOLUSDT", bids=[[160.0, 10]], asks=[[160.1, 10]])
    assert in_step(feed, "SOL/USDT", 1).bids == [(160.0, 10.0)]
    control(replica, "release", symbol="SOLUSDT")


def test_a_book_beyond_the_snapshot_is_unknown_until_it_is_renewed(feed, replica):
    """The drift of ccxt's issue 28466: a market that leaves the range of the first snapshot."""
    bids = [[100 - n / 100, 1] for n in range(2500)]
    control(replica, "book", symbol="ETHUSDT", bids=bids, asks=[[101, 5]])
    book = in_step(feed, "ETH/USDT", 1000)
    assert book.bids[-1] == (90.01, 1.0)
    control(replica, "trade", symbol="ETHUSDT", side="sell", amount=995)
    # five levels of the snapshot are left: nothing beyond them is claimed
    wait_until(lambda: (top := feed.top("ETH/USDT")) is None or top[0] < 91, "the sweep", 3)
    assert feed.book("ETH/USDT", 20) is None
    assert in_step(feed, "ETH/USDT", 1000).bids[999] == (80.06, 1.0)
    control(replica, "release", symbol="ETHUSDT")


def test_a_dead_line_is_noticed_by_its_silence(feed, replica):
    """Nothing arrives, not even an answer to a ping, and no error either."""
    in_step(feed)
    go_on = threading.Event()
    replica._loop.call_soon_threadsafe(go_on.wait, 2.5)
    time.sleep(1.3)
    assert feed.book(PAIR, 20) is None
    go_on.set()
    in_step(feed)


@pytest.mark.parametrize("fault", [{"status": 429}, {"body": "{}"}, {"truncated": True}, {"cut": True}])
def test_a_snapshot_that_fails_is_asked_for_again(feed, truth, replica, caplog, monkeypatch, fault):
    monkeypatch.setattr("freqtrade_ext.feed.binance.SNAPSHOT_RETRY_SECONDS", 0.1)
    control(replica, "fault", path="/depth", count=2, **fault)
    in_step(feed)
    assert said(caplog, "REST serves") == []
    assert mismatches(feed, truth.best)[1] == []


def test_a_calm_market_stays_fresh(feed, replica):
    """Nothing happens, but pings are answered: this is no silence."""
    control(replica, "book", symbol="SOLUSDT", bids=[[160.0, 10]], asks=[[160.1, 10]])
    assert in_step(feed, "SOL/USDT", 1).bids[0] == (160.0, 10.0)
    for _ in range(20):
        assert feed.top("SOL/USDT") == (160.0, 160.1)
        time.sleep(0.1)
    control(replica, "release", symbol="SOLUSDT")


def test_a_fill_gets_no_book_from_before_its_arrival(feed, replica):
    in_step(feed)
    wait_until(lambda: feed._clock.offset_ms is not None, "the exchange's time", 5)
    for _ in range(10):
        now_ms = time.time_ns() // 1_000_000
        book = feed.book(PAIR, 20, not_before_ms=now_ms)
        if book is not None:
            assert book.time_ms >= now_ms
        time.sleep(0.03)
    control(replica, "fault", stream="btcusdt@depth", kind="silence", seconds=1)
    assert feed.book(PAIR, 20, not_before_ms=time.time_ns() // 1_000_000) is None
    assert feed.book(PAIR, 20), "good enough for a look, not for a fill"


def test_the_book_after_each_difference_is_kept_for_orders_that_rest(feed, replica):
    in_step(feed)
    assert feed.books(PAIR, 20, None) == []
    wait_until(lambda: len(feed.books(PAIR, 20, 0)) > 5, "six differences", 20)
    books = feed.books(PAIR, 20, 0)
    stamps = [book.stamp_ms for book in books]
    assert stamps == sorted(set(stamps))
    assert all(len(book.bids) == len(book.asks) == 20 for book in books)
    assert [book.stamp_ms for book in feed.books(PAIR, 20, stamps[2])][: len(stamps) - 3] == stamps[3:]


def test_a_wait_that_cannot_succeed_is_skipped(feed, replica):
    """A fill of a quiet pair waited 150 ms for a message that nobody was going to send, then asked REST."""
    in_step(feed)
    wait_until(lambda: feed._clock.offset_ms is not None, "the exchange's time", 5)
    control(replica, "book", symbol=SYMBOL, bids=[[104_000, 1]], asks=[[104_010, 1]])
    time.sleep(1.5)
    started = time.monotonic()
    assert feed.book(PAIR, 1, not_before_ms=time.time_ns() // 1_000_000) is None
    assert time.monotonic() - started < 0.1
    control(replica, "release", symbol=SYMBOL)


def test_prints_are_those_of_the_tape_without_a_hole(feed, replica):
    def cursor_at_latest():
        latest = feed.prints(PAIR, None) or []
        cursor = latest and Cursor(latest[-1].time_ms, tuple(p.id for p in latest))
        # before the first print of the stream there may have been others in its millisecond
        return cursor and feed.prints(PAIR, cursor) is not None and cursor

    in_step(feed)
    cursor = wait_until(cursor_at_latest, "two prints", 10)
    time.sleep(2)
    seen = wait_until(lambda: feed.prints(PAIR, cursor), "prints after the first", 10)
    tape = {str(agg.id): (agg.ms, agg.rate / E8, agg.amount / E8) for agg in prints_of(replica)}
    ids = [int(p.id) for p in seen]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(tape[p.id] == (p.time_ms, p.rate, p.amount) for p in seen)
    assert feed.prints(PAIR, Cursor(cursor.time_ms - 600_000, ())) is None, "the stream does not reach back"
    control(replica, "fault", stream="btcusdt@aggTrade", kind="gap")
    wait_until(lambda: feed.prints(PAIR, cursor) is None, "the hole to be noticed", 10)


def test_an_alarm_wakes_when_the_rate_leaves_its_range(feed, replica):
    control(replica, "book", symbol="SOLUSDT", bids=[[160.0, 10]], asks=[[160.1, 10]])
    in_step(feed, "SOL/USDT", 1)
    alarms = {"SOL/USDT": Alarm(False, 159.0, 161.0)}
    assert not feed.wait(alarms, 0.2)
    fall = {"symbol": "SOLUSDT", "bids": [[158.9, 10]], "asks": [[160.1, 10]]}
    threading.Timer(0.2, control, (replica, "book"), fall).start()
    started = time.monotonic()
    assert feed.wait(alarms, 5)
    assert time.monotonic() - started < 0.5
    assert not feed.wait(alarms, 0.3), "an exit that cannot be made does not keep the bot busy"
    assert feed.wait({"SOL/USDT": Alarm(False, 159.5, 161.0)}, 5), "crossed while the bot was at work"
    assert not feed.wait({"SOL/USDT": Alarm(True, 159.5, 161.0)}, 0.2), "a short is bought back at the ask"
    control(replica, "release", symbol="SOLUSDT")


def test_an_alarm_that_rings_while_the_bot_is_at_work_is_not_lost(feed, replica):
    control(replica, "book", symbol="SOLUSDT", bids=[[160.0, 10]], asks=[[160.1, 10]])
    in_step(feed, "SOL/USDT", 1)
    alarms = {"SOL/USDT": Alarm(False, 159.0, 161.0)}
    assert not feed.wait(alarms, 0.1)
    control(replica, "book", symbol="SOLUSDT", bids=[[158.9, 10]], asks=[[160.1, 10]])
    wait_until(lambda: feed.top("SOL/USDT") == (158.9, 160.1), "the fall", 3)
    started = time.monotonic()
    assert feed.wait(alarms, 5)
    assert time.monotonic() - started < 0.5
    control(replica, "release", symbol="SOLUSDT")


def traces():
    """Threads, sockets and files of this process."""
    process = psutil.Process()
    loopback = [c for c in process.net_connections("inet") if c.status == "ESTABLISHED"]
    return {t.name for t in threading.enumerate()}, len(loopback), process.num_fds()


def test_nothing_is_left_after_fifty_disconnects_a_delisting_and_close(exchange, replica, monkeypatch):
    monkeypatch.setattr("freqtrade_ext.feed.following.RETRY_SECONDS", (0.01,))
    before = traces()
    feed = new_feed(exchange)
    for pair in PAIRS:
        in_step(feed, pair)
    connected = traces()
    for _ in range(50):
        control(replica, "fault", disconnect=True)
        time.sleep(0.05)
    for pair in PAIRS:
        in_step(feed, pair)
    # both ends of a connection are in this process; each pair's last one for REST may be idle, others that
    # served many pairs at once are closed by aiohttp once they were so for 15 s
    wait_until(lambda: traces()[1] <= connected[1] + 2 * len(PAIRS), "the old sockets to close", 30)
    assert len(replica._server._sockets._clients) == len(feed._client.clients) == len(PAIRS)
    assert traces()[0] == connected[0]
    tasks = asyncio.run_coroutine_threadsafe(count_tasks(), feed._loop).result(5)
    assert tasks < 10 * len(PAIRS)
    assert feed.book("GONE/USDT", 5) is None
    loop = feed._loop
    feed.close()
    wait_until(lambda: all(map(le, traces()[1:], before[1:])), "sockets and files to be closed", 10)
    assert traces()[0] == before[0]
    assert loop.is_closed()
    assert feed.book(PAIR, 5) is None
    assert not feed.wait({}, 5)


async def count_tasks():
    return len(asyncio.all_tasks())


def test_a_pair_nobody_asks_about_is_let_go(exchange, replica, monkeypatch):
    monkeypatch.setattr("freqtrade_ext.feed.following.FORGET_SECONDS", 1.0)
    monkeypatch.setattr("freqtrade_ext.feed.following.TIDY_SECONDS", 0.2)
    feed = new_feed(exchange)
    try:
        in_step(feed, PAIR)
        deadline = time.monotonic() + 1.8
        while time.monotonic() < deadline:
            feed.top("ETH/USDT")
            time.sleep(0.1)
        assert set(feed._following._pairs) == {"ETH/USDT"}
        assert len(feed._client.clients) == 1
    finally:
        feed.close()
