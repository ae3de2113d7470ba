"""The embedded exchange's USD-M futures, as ccxt's real client sees and trades them."""

import asyncio

import ccxt
import ccxt.pro
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import Time, client, control

PAIR = "BTC/USDT:USDT"
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC, a funding time"""
HOUR_MS = 3_600_000
BOOK = {"bids": [[100_000, 1], [95_000, 5]], "asks": [[100_010, 1], [105_000, 5]]}


@pytest.fixture
def time():
    return Time(START_MS + HOUR_MS)


@pytest.fixture
def replica(time):
    with Replica(seed=3, pairs=["BTC/USDT"], scenario="calm", clock=time, activity=0.02) as running:
        control(running, "book", symbol="BTCUSDT", **BOOK)
        yield running


@pytest.fixture
def exchange(replica, time):
    """A client of the perpetuals, on the exchange's own time."""
    section = replica.overlay(is_futures=True)["exchange"]["ccxt_config"]
    api = client(replica, options=section["options"] | {"defaultType": "swap"})
    api.milliseconds = lambda: time.ms
    api.load_markets()
    return api


def wait(replica, time, ms):
    """Let time pass in steps, as the bot's loop does."""
    for _ in range(20):
        time.ms += ms // 20
        replica.advance(time.ms)


def test_markets_candles_and_rates_are_those_of_a_perpetual(replica, exchange, time):
    market = exchange.market(PAIR)
    assert (market["swap"], market["precision"]["amount"], market["precision"]["price"]) == (True, 0.001, 0.1)
    assert market["limits"]["cost"]["min"] == 100
    assert exchange.fetch_order_book(PAIR, 20)["bids"] == [[100_000, 1], [95_000, 5]]
    wait(replica, time, 60_000)
    mark = exchange.fetch_mark_ohlcv(PAIR, "1m", limit=2)[-1]
    assert mark[4] == pytest.approx(100_005, abs=1)
    assert exchange.fetch_funding_rate(PAIR)["markPrice"] == pytest.approx(mark[4])
    (rate,) = exchange.fetch_funding_rate_history(PAIR, since=START_MS, limit=1)
    assert rate["timestamp"] == START_MS


def test_a_leveraged_position_ties_up_its_margin_and_realizes_its_profit(replica, exchange):
    exchange.set_margin_mode("isolated", PAIR)
    exchange.set_leverage(5, PAIR)
    order = exchange.create_order(PAIR, "market", "buy", 0.01)
    assert (order["status"], order["average"], order["filled"]) == ("closed", 100_010, 0.01)
    (position,) = exchange.fetch_positions([PAIR])
    assert (position["side"], position["contracts"], position["leverage"]) == ("long", 0.01, 5)
    balance = exchange.fetch_balance()["USDT"]
    # a fifth of 1000.10, and 0.05 % of it
    assert balance["free"] == pytest.approx(500 - 200.02 - 0.50005, abs=1e-6)
    control(replica, "book", symbol="BTCUSDT", bids=[[101_000, 1]], asks=[[101_010, 1]])
    exchange.create_order(PAIR, "market", "sell", 0.01, params={"reduceOnly": True})
    assert exchange.fetch_positions([PAIR]) == []
    assert exchange.fetch_balance()["USDT"]["free"] == pytest.approx(500 + 9.9 - 0.50005 - 0.505, abs=1e-6)


def test_orders_that_only_reduce_are_refused_without_a_position(exchange):
    with pytest.raises(ccxt.ExchangeError, match="ReduceOnly Order is rejected"):
        exchange.create_order(PAIR, "market", "sell", 0.01, params={"reduceOnly": True})
    with pytest.raises(ccxt.ExchangeError, match="no smaller than 100"):
        exchange.create_order(PAIR, "limit", "buy", 0.001, 99_000)
    exchange.set_leverage(1, PAIR)
    with pytest.raises(ccxt.ExchangeError, match="Margin is insufficient"):
        exchange.create_order(PAIR, "market", "buy", 0.01)


def test_funding_is_paid_by_the_long_and_shown_as_income(replica, exchange, time):
    replica.exchange.running["BTCUSDT"].perpetual.funding_rates[START_MS + 8 * HOUR_MS] = 100_000  # 0.1 %
    exchange.create_order(PAIR, "market", "buy", 0.01)
    before = exchange.fetch_balance()["USDT"]["free"]
    wait(replica, time, 7 * HOUR_MS)
    (paid,) = exchange.fetch_funding_history(PAIR)
    assert paid["amount"] == pytest.approx(-0.01 * 100_005 * 0.001, abs=1e-4)
    assert exchange.fetch_balance()["USDT"]["free"] == pytest.approx(before + paid["amount"])


def test_a_position_through_a_gap_loses_its_margin_and_no_more(replica, exchange, time):
    exchange.set_margin_mode("isolated", PAIR)
    exchange.set_leverage(20, PAIR)
    exchange.create_order(PAIR, "market", "buy", 0.01)
    free = exchange.fetch_balance()["USDT"]["free"]
    control(replica, "book", symbol="BTCUSDT", bids=[[90_000, 1]], asks=[[90_010, 1]])
    wait(replica, time, 60_000)
    assert exchange.fetch_positions([PAIR]) == []
    # the margin of 50.005 is gone, the rest of the account is there
    assert exchange.fetch_balance()["USDT"]["free"] == pytest.approx(free, abs=1e-6)


@pytest.mark.parametrize(("working", "triggers"), [("MARK_PRICE", False), ("CONTRACT_PRICE", True)])
def test_a_stop_on_the_mark_price_does_not_hear_the_last_price(replica, exchange, time, working, triggers):
    exchange.create_order(PAIR, "market", "buy", 0.01)
    params = {"stopPrice": 99_000, "reduceOnly": True, "workingType": working}
    stop = exchange.create_order(PAIR, "stop_market", "sell", 0.01, params=params)
    control(replica, "print", symbol="BTCUSDT", side="sell", rate=98_000, amount=0.1)
    wait(replica, time, 2000)
    assert (exchange.fetch_positions([PAIR]) == []) is triggers
    status = exchange.fetch_order(stop["id"], PAIR, {"stop": True})["info"]["algoStatus"]
    assert status == ("FINISHED" if triggers else "NEW")


def test_streams_join_by_pu_and_give_the_rest_book():
    async def watch(replica):
        section = replica.overlay(is_futures=True)["exchange"]["ccxt_config"]
        api = ccxt.pro.binance(section | {"options": section["options"] | {"defaultType": "swap"}})
        try:
            async with asyncio.timeout(20):
                await api.load_markets()
                for _ in range(10):
                    book = await api.watch_order_book(PAIR)
                top = await api.watch_bids_asks([PAIR])
                mark = await api.watch_mark_price(PAIR)
            return book, top[PAIR], mark
        finally:
            await api.close()

    with Replica(pairs=["BTC/USDT"], scenario="calm") as replica:
        book, top, mark = asyncio.run(watch(replica))
    assert 0 < book["asks"][0][0] - book["bids"][0][0] < 20
    assert top["bid"] == pytest.approx(book["bids"][0][0], rel=1e-3)
    assert mark["markPrice"] == pytest.approx(top["bid"], rel=1e-3)
