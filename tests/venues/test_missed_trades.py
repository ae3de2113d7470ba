"""Stops that were passed while the bot was down, where the trades of that time cannot be had any more."""

import logging
import time
from collections import Counter

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.paper.public_trades import DAY_MS, HOUR_MS, KEPT_MS, MINUTE_MS
from freqtrade_ext.paper.venue import Venue
from tests.bot_process import ROOT
from tests.venues.binance import BinanceFutures
from tests.venues.bybit import Bybit

pytestmark = pytest.mark.timeout(100)
PAIR = "BTC/USDT:USDT"


@pytest.fixture
def stub(request):
    calm = {} if request.param is BinanceFutures else {"activity": 0.01}
    with request.param([PAIR], futures=True, **calm) as stub:
        yield stub


@pytest.fixture
def venue(stub, tmp_path):
    files = [str(ROOT / "config.json")]
    config = Configuration({"config": files, "user_data_dir": str(tmp_path)}, RunMode.DRY_RUN).get_config()
    overlay = stub.overlay()
    config |= {"trading_mode": "futures", "margin_mode": "isolated", "candle_type_def": "futures"}
    config["exchange"] |= overlay["exchange"] | {"enable_ws": False}
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    yield Venue(exchange)
    exchange.close()


@pytest.fixture
def requests(venue, monkeypatch):
    """Count ccxt's requests by what they ask for."""
    counted, api = Counter(), venue._exchange._api
    for name in ("fetch_trades", "fetch_ohlcv"):

        def counting(*args, asked=name, **kwargs):
            counted[asked] += 1
            return getattr(type(api), asked)(api, *args, **kwargs)

        monkeypatch.setattr(api, name, counting)
    return counted


@pytest.mark.parametrize("stub", [Bybit], indirect=True)
def test_the_minutes_between_are_told_by_their_candles(stub, venue, caplog):
    stub.book("BTC", [(104_000, 5)], [(104_001, 5)])
    stub.take("BTC", "sell", 0.01)
    trade = stub.market("BTC").trades[-1]
    # the newest trades are of now, the last one known is three minutes old
    since = Cursor(trade.ms - 3 * MINUTE_MS, ("1",))
    rest = stub.market("BTC").trades
    stub.call(lambda: rest.__delitem__(slice(None, -1)))
    with caplog.at_level(logging.WARNING):
        prints, cursor = venue.prints(PAIR, since)
    told = [print_ for print_ in prints if print_.amount == 0]
    rows = stub.market("BTC").candles.minutes(4).tolist()
    whole = [row for row in rows if since.time_ms < row[0] <= trade.ms]
    assert [print_.rate for print_ in told] == [r / 1e8 for row in whole for r in (row[1], row[3], row[2])]
    assert [print_.amount for print_ in prints[len(told) :]] == [0.01]
    assert cursor.time_ms == trade.ms
    assert "trades of 0.1 hours are not asked for: candles decide" in caplog.text


@pytest.mark.parametrize("stub", [Bybit, BinanceFutures], ids=["bybit", "binance"], indirect=True)
def test_a_bot_that_was_off_for_a_month_asks_for_a_few_candles(venue, requests, caplog):
    """It asked for the trades of each hour, and of Bybit's candles had the first five hours alone."""
    started_ms = time.time() * 1000
    since = Cursor(int(started_ms) - 40 * DAY_MS, ("1",))
    with caplog.at_level(logging.WARNING):
        prints, cursor = venue.prints(PAIR, since)
    assert requests["fetch_ohlcv"] == 3
    assert requests["fetch_trades"] < 20
    assert len([record for record in caplog.records if "candles decide" in record.message]) == 1
    told = [print_ for print_ in prints if print_.amount == 0]
    times = [print_.time_ms for print_ in prints]
    assert times == sorted(times)
    # each day, the hours of the first one, the minutes of its first hour
    assert 3 * 39 <= len(told) <= 3 * (41 + 24 + 60)
    assert times[0] - since.time_ms < 2 * MINUTE_MS
    assert cursor.time_ms >= started_ms - KEPT_MS
    # the extremes of the time are among them
    rows = venue._exchange._api.fetch_ohlcv(PAIR, "1h", since.time_ms + HOUR_MS, 300)
    assert min(row[3] for row in rows) >= min(print_.rate for print_ in told)
    assert max(row[2] for row in rows) <= max(print_.rate for print_ in told)
    requests.clear()
    venue.prints(PAIR, cursor)
    assert requests["fetch_ohlcv"] == 0


@pytest.mark.parametrize("stub", [BinanceFutures], indirect=True)
def test_a_pair_that_never_traded_is_not_asked_about_since_1970(venue, requests):
    venue.prints(PAIR, Cursor(0, ()))
    assert requests["fetch_trades"] < 60


@pytest.mark.parametrize("stub", [Bybit], indirect=True)
def test_where_the_newest_trades_reach_back_no_candle_is_asked_for(stub, venue):
    stub.book("BTC", [(104_000, 5)], [(104_001, 5)])
    stub.take("BTC", "sell", 0.01)
    first = stub.market("BTC").trades[-1]
    stub.take("BTC", "sell", 0.02)
    prints, _ = venue.prints(PAIR, Cursor(first.ms, (str(first.id),)))
    assert [print_.amount for print_ in prints] == [0.02]
