"""Stops that were passed while the bot was down, where the trades of that time cannot be had any more."""

import logging

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.replica.candles import MINUTE_MS
from tests.bot_process import ROOT
from tests.venues.bybit import Bybit

pytestmark = [pytest.mark.timeout(100), pytest.mark.usefixtures("no_database")]
PAIR = "BTC/USDT:USDT"


@pytest.fixture
def stub():
    with Bybit([PAIR], futures=True, activity=0.01) as stub:
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
    assert f"trades of {len(whole)} minutes cannot be had" in caplog.text


def test_where_the_newest_trades_reach_back_no_candle_is_asked_for(stub, venue):
    stub.book("BTC", [(104_000, 5)], [(104_001, 5)])
    stub.take("BTC", "sell", 0.01)
    first = stub.market("BTC").trades[-1]
    stub.take("BTC", "sell", 0.02)
    prints, _ = venue.prints(PAIR, Cursor(first.ms, (str(first.id),)))
    assert [print_.amount for print_ in prints] == [0.02]
