"""Signal classes through the adapter: in real backtests, and candle by candle as in trading."""

import logging
import shutil
import sys
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.answers import SignalError, read_signal
from freqtrade_ext.strategy.callbacks import News
from freqtrade_ext.strategy.signals import SignalStrategy
from freqtrade_ext.strategy.source import Source
from tests.bot_process import ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("confidence", [0, 70.5, 100, np.float32(80), np.int64(3)])
@pytest.mark.parametrize("action", ["BUY", "SELL", "HOLD"])
def test_signal_is_read(action, confidence):
    assert read_signal({"action": action, "confidence": confidence}) == (action, float(confidence))


class Kind(Enum):
    BUY = 1
    STRONG_SELL = "strong sell"


class Direction(StrEnum):
    LONG = "long"


@dataclass
class Told:
    direction: Direction
    strength: float


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (None, ("HOLD", None)),
        ("BUY", ("BUY", None)),
        ("buy", ("BUY", None)),
        ("Strong-Buy", ("BUY", None)),
        ("SHORT", ("SELL", None)),
        ("neutral", ("HOLD", None)),
        (Kind.BUY, ("BUY", None)),
        (Kind.STRONG_SELL, ("SELL", None)),
        (Direction.LONG, ("BUY", None)),
        (1, ("BUY", None)),
        (np.int64(-1), ("SELL", None)),
        (0.0, ("HOLD", None)),
        (float("nan"), ("HOLD", None)),
        (("BUY", 0.8), ("BUY", 0.8)),
        (("sell", 90, "because"), ("SELL", 90.0)),
        ([Kind.BUY], ("BUY", None)),
        (namedtuple("Answer", "action confidence")("buy", 3), ("BUY", 3.0)),
        (Told(Direction.LONG, 0.5), ("BUY", 0.5)),
        ({"action": "BUY"}, ("BUY", None)),
        ({"signal": "buy", "confidence": None}, ("BUY", None)),
        ({"side": "sell", "strength": 1}, ("SELL", 1.0)),
        ({"direction": Kind.BUY, "reason": "why"}, ("BUY", None)),
        ({"action": None}, ("HOLD", None)),
        ({"Signal": "Buy", "Confidence": Decimal("0.9")}, ("BUY", 0.9)),
        (pd.DataFrame({"signal": [-1, 1], "strength": [3, 80]}), ("BUY", 80.0)),
        (pd.DataFrame({"Signal": [1, -1]}).iloc[-1], ("SELL", None)),
        (pd.Series([1, float("nan")]), ("HOLD", None)),
        (pd.DataFrame({"signal": []}), ("HOLD", None)),
    ],
)
def test_answers_in_the_wild_are_read(answer, read):
    assert read_signal(answer) == read


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        True,
        2,
        "perhaps",
        object(),
        {"confidence": 80},
        {"action": ["BUY"], "confidence": 80},
        {"action": True, "confidence": 80},
        {"action": "BUY", "confidence": "80"},
        {"action": "BUY", "confidence": True},
        {"action": "BUY", "confidence": float("nan")},
        {"action": "BUY", "confidence": Decimal("sNaN")},
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
    assert type(strategy).__name__ == "Averages"
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
    asked = strategy._source.object.asked
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
    assert "Unsure answers confidences up to 0.7: they are read as from 0 to 1" in caplog.text
    assert "BTC/USDT: no entry on BUY with confidence 0.7, not above 0.7" in caplog.text


@pytest.mark.parametrize("threshold", [70, 0.7])
def test_confidence_from_0_to_1_is_compared_as_such(run, threshold):
    run("Sure", confidence=threshold)
    assert LocalTrade.bt_trades


def entries():
    return [(trade.open_date, trade.close_date, trade.exit_reason) for trade in LocalTrade.bt_trades]


@pytest.mark.parametrize("name", ["Dataclass", "Pair", "Coroutine", "Capitals", "AtOnce", "AsSeries"])
def test_classes_in_the_wild_trade_as_the_plainest_of_them(run, name):
    run("Words")
    plainest = entries()
    assert "exit_signal" in {reason for _, _, reason in plainest}
    strategy = run(name)
    assert entries() == plainest
    if name == "AtOnce":
        # once on samples, once on the candles
        assert strategy._source.object.asked == 2


def test_failing_class_is_one_error_and_no_trade(run, caplog):
    with caplog.at_level(logging.ERROR, "freqtrade_ext"):
        run("Moody")
    assert LocalTrade.bt_trades == []
    first, last = (
        record.getMessage() for record in caplog.records if record.name.startswith("freqtrade_ext")
    )
    assert first == "BTC/USDT: no signal, so no trade: KeyError('no such thing')"
    assert "the first error is above" in last


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Broken", r"it fails on 200 sample candles \(date, .*: KeyError: 'no such thing'"),
        ("Chatty", "it fails on 200 sample candles .* must answer .* is 'maybe'"),
        ("WantsMore", "generate_signal wants account as well, .* give account a default"),
        ("Shorter", "generate_signals answers 2 signals for 220 candles"),
        ("Demanding", "it cannot be made without arguments: .*'key'.* signal_class = partial"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_the_start_with_what_to_change(run, name, why):
    with pytest.raises(OperationalException, match=f"{name} gives no signals: {why}"):
        run(name)


@pytest.mark.parametrize("library", ["backtesting", "vectorbt"])
@pytest.mark.parametrize("is_there", [True, False])
def test_classes_of_other_libraries_are_refused_by_name(run, tmp_path, monkeypatch, library, is_there):
    if is_there:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / f"{library}.py").write_text("class Strategy:\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.delitem(sys.modules, library, raising=False)
    file = tmp_path / "strategies" / "other.py"
    file.write_text(f"from {library} import Strategy\n\n\nclass Other(Strategy):\n    pass\n")
    with pytest.raises(
        OperationalException, match=f"It is written for {library}: move what its rules compute"
    ):
        run("Other")


def test_class_without_market_data_cannot_be_backtested(run):
    with pytest.raises(OperationalException, match="would see the market of today in a backtest"):
        run("Online")


def trading(source, **attributes):
    """A strategy as it is while the bot trades, without a bot."""
    kind = type("Mine", (SignalStrategy,), {"signal_class": source, "timeframe": "5m", **attributes})
    strategy = kind({"stake_currency": "USDT"})
    strategy.manager = SimpleNamespace(settings=Settings(), is_trading=True, news=News("5m"))
    strategy._source = Source(source)
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
        [{"action": "BUY", "confidence": 90}, {"action": "?"}, {"action": "SELL", "confidence": 1}]
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
