"""Signal classes asked before the bot starts: what is served, and what is refused with what to change."""

import logging
from abc import ABC, abstractmethod

import pytest

from freqtrade_ext.strategy.source import Source, SourceError
from freqtrade_ext.strategy.trial import sample_candles, try_now, try_on_samples


def asked(method, **more):
    return type("Theirs", (), {"generate_signal": method, **more})


def signal_of(df):
    return "BUY" if df["close"].iloc[-1] > df["close"].tail(5).mean() else "SELL"


def tried(make, window=200):
    return [action for action, _ in try_on_samples(make, window, lambda candles: candles)]


@pytest.mark.parametrize(
    "theirs",
    [
        asked(lambda self, historical_data: signal_of(historical_data)),
        asked(lambda self, df_5m, base_currency: signal_of(df_5m)),
        asked(lambda self, x, y: signal_of(y)),
        asked(lambda self, symbol, x: signal_of(x)),
        asked(lambda self, *both: signal_of(both[1])),
        asked(staticmethod(signal_of)),
        asked(property(lambda self: signal_of)),
        asked(lambda self, df: df.assign(signal=[signal_of(df.iloc[: n + 1]) for n in range(len(df))])),
    ],
    ids=["word in its name", "words", "by position", "the other", "all", "static", "property", "whole frame"],
)
def test_signals_are_those_of_the_plainest_class(theirs):
    signals = tried(theirs)
    assert signals == tried(asked(lambda self, symbol, market_data: signal_of(market_data)))
    assert set(signals) == {"BUY", "SELL"}


@pytest.mark.parametrize(
    ("parameters", "left_over"),
    [
        ("self, df_5m, df_1h", "df_1h"),
        ("self, data, current_time", "current_time"),
        ("self, df, x", "x"),
        ("self, x, y, z", "z"),
    ],
)
def test_parameter_that_is_neither_symbol_nor_data_is_not_guessed(parameters, left_over):
    """A second frame got the candles of the first, the time got `BTC`."""
    theirs = asked(eval(f"lambda {parameters}: 'BUY'"))
    with pytest.raises(SourceError, match=f"wants {left_over} as well.* give {left_over} a default"):
        Source(theirs)


def needing(count, otherwise):
    def generate_signal(self, data):
        return signal_of(data) if len(data) >= count else otherwise()

    return asked(generate_signal)


def test_class_that_needs_more_candles_is_refused_with_the_window_to_set():
    theirs = needing(500, [].pop)
    with pytest.raises(SourceError, match=r"IndexError.* It works on 1000: .* window = 1000"):
        tried(theirs)
    assert "SELL" in tried(theirs, window=500)


def test_class_that_would_hold_for_ever_for_lack_of_candles_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "freqtrade_ext"):
        assert set(tried(needing(500, lambda: "HOLD"))) == {"HOLD"}
        assert "On 200 candles it answers HOLD alone, on 1000 more: subclass SignalStrategy" in caplog.text
        caplog.clear()
        assert set(tried(asked(lambda self, df: None))) == {"HOLD"}
    assert not caplog.text


def test_other_data_is_said_to_go_into_market_data():
    theirs = asked(lambda self, df: signal_of(df.resample("15min").last()))
    with pytest.raises(SourceError, match=r"Only valid with DatetimeIndex.* make that in market_data"):
        tried(theirs)
    indexed = try_on_samples(theirs, 200, lambda candles: candles.set_index("date"))
    assert len(indexed) == 20


def test_abstract_class_is_called_that():
    class Theirs(ABC):
        @abstractmethod
        def generate_signal(self, symbol, data): ...

    with pytest.raises(SourceError, match="it is abstract: name a class"):
        Source(Theirs)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda price: price > 100, "TypeError"),
        (lambda x: x.iloc[-1], "AttributeError.* call its parameter df"),
        (lambda symbol: f"no data of {symbol}", "must answer"),
    ],
)
def test_class_without_candles_is_asked_once_before_the_start(answer, why):
    """It was one error for each candle."""
    with pytest.raises(SourceError, match=f"asked about BTC it fails: .*{why}"):
        try_now(asked(staticmethod(answer)))


def test_class_that_cannot_reach_its_market_now_may_start(caplog):
    def generate_signal(self, symbol):
        raise ConnectionError("no way there")

    try_now(asked(generate_signal))
    assert "could not be tried: ConnectionError('no way there')" in caplog.text


def test_series_that_is_shorter_than_the_candles_says_what_to_do():
    theirs = type("Theirs", (), {"generate_signals": lambda self, df: [{"action": "BUY"}]})
    with pytest.raises(SourceError, match=r"1 signals for 300 candles: .* be called generate_signal"):
        Source(theirs).ask_all("BTC", sample_candles(300))
