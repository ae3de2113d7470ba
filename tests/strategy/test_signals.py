"""Signal classes through the adapter: in real backtests, and candle by candle as in trading."""

import logging
import shutil
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.signals import SignalError, SignalStrategy, read_signal
from tests.bot_process import ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("confidence", [0, 70.5, 100, np.float32(80), np.int64(3)])
@pytest.mark.parametrize("action", ["BUY", "SELL", "HOLD"])
def test_signal_is_read(action, confidence):
    assert read_signal({"action": action, "confidence": confidence}) == (action, float(confidence))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "BUY",
        {},
        {"action": "BUY"},
        {"action": "buy", "confidence": 80},
        {"action": ["BUY"], "confidence": 80},
        {"action": "BUY", "confidence": "80"},
        {"action": "BUY", "confidence": True},
        {"action": "BUY", "confidence": None},
        {"action": "BUY", "confidence": float("nan")},
        {"action": "BUY", "confidence": -1},
        {"action": "BUY", "confidence": 100.1},
    ],
)
def test_malformed_answer_is_named(answer):
    with pytest.raises(SignalError, match="generate_signal must answer") as error:
        read_signal(answer)
    assert repr(answer) in str(error.value)


@pytest.fixture
def run(backtest, tmp_path):
    """Backtest a class of tests/strategies/answering.py by its name alone."""
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "answering.py", tmp_path / "strategies")

    def run(name, timerange="20230301-20230303", **settings):
        return backtest("Managed", timerange=timerange, freqtrade_ext={"strategy": name, **settings}).strategy

    return run


def test_buy_over_the_threshold_enters_and_sell_closes(run):
    strategy = run("Averages")
    assert strategy.get_strategy_name() == "Averages"
    trades = LocalTrade.bt_trades
    assert trades
    assert "exit_signal" in {trade.exit_reason for trade in trades}
    frame, _ = strategy.dp.get_analyzed_dataframe("BTC/USDT", "5m")
    signals = frame.set_index("date")["signal"]
    for trade in trades:
        decided = trade.open_date_utc - pd.Timedelta(minutes=5)
        assert signals[decided] == "BUY"
        if trade.exit_reason == "exit_signal":
            assert signals[trade.close_date_utc - pd.Timedelta(minutes=5)] == "SELL"


def test_threshold_is_a_setting(run):
    run("Averages", confidence=71)
    assert LocalTrade.bt_trades == []


def test_windows_end_with_the_candle_and_nothing_later_is_seen(run):
    strategy = run("Remembering")
    asked = strategy._source.asked
    assert {symbol for symbol, _, _ in asked} == {"BTC"}
    assert {length for _, _, length in asked} == {strategy.window}
    # one candle after the other, from the first that ends a whole window
    dates = [date for _, date, _ in asked]
    assert {later - earlier for earlier, later in pairwise(dates)} == {pd.Timedelta(minutes=5)}
    assert dates[-1] == pd.Timestamp("2023-03-03", tz="UTC")


def test_a_buy_that_is_not_sure_enough_is_told(run, caplog):
    with caplog.at_level(logging.INFO, "freqtrade_ext"):
        run("Unsure")
    assert LocalTrade.bt_trades == []
    assert "BTC/USDT: no entry on BUY with confidence 0.9, not above 70" in caplog.text


def test_failing_class_is_one_error_and_no_trade(run, caplog):
    with caplog.at_level(logging.ERROR, "freqtrade_ext"):
        run("Broken")
    assert LocalTrade.bt_trades == []
    first, last = (
        record.getMessage() for record in caplog.records if record.name.startswith("freqtrade_ext")
    )
    assert first == "BTC/USDT: no signal, so no trade: KeyError('no such thing')"
    assert "the first error is above" in last


def test_class_without_market_data_cannot_be_backtested(run):
    with pytest.raises(OperationalException, match="would see the market of today in a backtest"):
        run("Online")


def test_async_class_is_refused(run):
    with pytest.raises(OperationalException, match=r"Waiting\.generate_signal is async"):
        run("Waiting")


def test_class_that_cannot_be_made_is_refused(run):
    with pytest.raises(OperationalException, match=r"signal_class\(\) must give an object .* 'key'"):
        run("Demanding")


def trading(source, **attributes):
    """A strategy as it is while the bot trades, without a bot."""
    kind = type("Mine", (SignalStrategy,), {"signal_class": source, "timeframe": "5m", **attributes})
    strategy = kind({"stake_currency": "USDT"})
    strategy.manager = SimpleNamespace(settings=Settings(), is_trading=True)
    strategy._source = source()
    strategy._takes_data = True
    return strategy


def frame_until(count):
    dates = pd.date_range("2024-01-01", periods=1000, freq="5min", tz="UTC")[:count]
    rate = 100 + np.arange(count) * 0.1
    frame = pd.DataFrame({"date": dates, "open": rate, "high": rate, "low": rate, "close": rate})
    return frame.assign(volume=1.0)


def test_trading_asks_once_a_candle_and_remembers():
    asked = []

    def generate_signal(symbol, market_data):
        asked.append((symbol, len(market_data)))
        return {"action": "BUY", "confidence": 90}

    source = partial(SimpleNamespace, generate_signal=generate_signal)
    strategy = trading(source, symbol="{base}{quote}", window=50)
    for count in (300, 301):
        frame = strategy.populate_indicators(frame_until(count), {"pair": "ETH/USDT:USDT"})
    assert asked == [("ETHUSDT", 50), ("ETHUSDT", 50)]
    assert frame["signal"].tolist() == ["HOLD"] * 299 + ["BUY", "BUY"]


def test_trading_goes_on_after_an_error(caplog):
    answers = iter(
        [{"action": "BUY", "confidence": 90}, {"action": "up"}, {"action": "SELL", "confidence": 1}]
    )
    source = partial(SimpleNamespace, generate_signal=lambda symbol, data: next(answers))
    strategy = trading(source)
    for count in (300, 301, 302):
        frame = strategy.populate_indicators(frame_until(count), {"pair": "ETH/USDT"})
    assert frame["signal"].tolist()[-3:] == ["BUY", "HOLD", "SELL"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [error.getMessage()[:45] for error in errors] == ["ETH/USDT: no signal, so no trade: SignalError"]


def test_market_data_can_be_given_in_another_form():
    seen = []
    source = partial(
        SimpleNamespace,
        generate_signal=lambda symbol, data: seen.append(data) or {"action": "HOLD", "confidence": 0},
    )
    strategy = trading(source, market_data=lambda self, candles: {"price": candles["close"].iloc[-1]})
    strategy.populate_indicators(frame_until(300), {"pair": "ETH/USDT"})
    assert seen == [{"price": pytest.approx(129.9)}]
