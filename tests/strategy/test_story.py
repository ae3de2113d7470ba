"""What a trade keeps for people: one readable text, and the candles that the report draws."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from freqtrade.persistence import Trade

from freqtrade_ext.strategy.story import BARS, BEFORE, STORY, begin_story, kept_candles, tell_story
from tests.report.database import add_order, add_trade, database
from tests.strategy.test_screen import PLAN

START = datetime(2026, 11, 20, tzinfo=UTC)
CANDLE = timedelta(minutes=5)


def candles(count):
    dates = pd.date_range(START, periods=count, freq=CANDLE)
    rates = [100.0 + number for number in range(count)]
    high, close = [rate + 2 for rate in rates], [rate + 1 for rate in rates]
    return pd.DataFrame({"date": dates, "open": rates, "high": high, "low": rates, "close": close})


def test_the_story_comes_first_and_begins_with_what_is_left(tmp_path):
    with database(f"sqlite:///{tmp_path}/bot.sqlite"):
        trade = add_trade("BTC/USDT", 0, stop_loss=98.8, amount_precision=0.1, precision_mode=4)
        add_order(trade, "buy", 4.0, 100.0, 0)
        Trade.commit()
        begin_story(trade)
        trade.set_custom_data("plan", PLAN.to_json())
        tell_story(trade, PLAN, "1h")
        first, *steps = trade.get_custom_data(STORY)
        assert first == "0 % sold, 100 % left, next 102.00, stop 98.80"
        assert [step[:4] for step in steps] == ["2/5 ", "3/5 ", "5/5 "]
        add_order(trade, "sell", 2.2, 104.0, 5, tag="tp2")
        Trade.commit()
        tell_story(trade, PLAN, "1h")
        told = trade.get_custom_data(STORY)
        assert told == ["55 % sold, 45 % left, next 108.00, stop 98.80", *steps]
        assert [entry.cd_key for entry in trade.get_all_custom_data()] == [STORY, "plan"]


def test_a_short_trade_keeps_its_candles_and_some_from_before():
    kept = kept_candles(candles(100), START + 90 * CANDLE, CANDLE)
    assert len(kept) == 10 + BEFORE
    assert kept[-1] == [(START + 99 * CANDLE).timestamp() * 1000, 199.0, 201.0, 199.0, 200.0]


def test_candles_are_joined_once_there_are_more_than_fit():
    most = BARS + BEFORE
    assert len(kept_candles(candles(most), START, CANDLE)) == most
    assert len(kept_candles(candles(most + 1), START, CANDLE)) == (most + 2) // 2


@pytest.mark.parametrize("count", [200, 999])
def test_a_long_trade_keeps_wider_candles(count):
    kept = kept_candles(candles(count), START, CANDLE)
    assert BARS / 2 <= len(kept) <= BARS + BEFORE
    assert kept[0][1] == 100.0
    assert kept[-1][4] == 100.0 + count
    assert max(row[2] for row in kept) == 100.0 + count + 1
