import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.market_state import COLUMNS, REGIMES, MarketState, _regime, indicators, read_state
from freqtrade_ext.settings import Settings

SETTINGS = Settings()


def candles(count=300, drift=0.001, noise=0.003, seed=1):
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(drift + noise * random.standard_normal(count)))
    spread = close * noise
    return pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=count, freq="1h", tz="UTC"),
            "high": close + spread,
            "low": close - spread,
            "close": close,
        }
    )


def row(frame, position=-1):
    return frame.iloc[position][list(COLUMNS)].to_dict()


def wilder(values, period=14):
    """Wilder's smoothing, written out: the first is the mean, each next one moves by 1/period."""
    smooth = [sum(values[:period]) / period]
    for value in values[period:]:
        smooth.append(smooth[-1] + (value - smooth[-1]) / period)
    return smooth[-1]


def test_indicators_equal_their_definitions():
    frame = candles()
    state = row(indicators(frame, SETTINGS))
    close, high, low = (frame[name].to_list() for name in ("close", "high", "low"))
    moves = [b - a for a, b in pairwise(close)]
    up, down = wilder([max(m, 0) for m in moves]), wilder([max(-m, 0) for m in moves])
    assert state["rsi"] == pytest.approx(100 * up / (up + down))
    true_ranges = [
        max(h, before) - min(lo, before) for h, lo, before in zip(high[1:], low[1:], close, strict=False)
    ]
    assert state["atr_pct"] == pytest.approx(wilder(true_ranges) / close[-1] * 100)
    up, down = frame["high"].diff(), -frame["low"].diff()
    plus, minus = (
        one.where((one > other) & (one > 0), 0.0).iloc[1:].ewm(alpha=1 / 14, adjust=False).mean()
        for one, other in ((up, down), (down, up))
    )
    directed = 100 * (plus - minus).abs() / (plus + minus)
    assert state["adx"] == pytest.approx(directed.ewm(alpha=1 / 14, adjust=False).mean().iloc[-1], rel=1e-3)
    macd = frame["close"].ewm(span=12, adjust=False).mean() - frame["close"].ewm(span=26, adjust=False).mean()
    assert state["macd_hist"] == pytest.approx(
        (macd - macd.ewm(span=9, adjust=False).mean()).iloc[-1], rel=1e-6
    )


def test_first_state_is_at_candle_200():
    state = indicators(candles(210), SETTINGS)
    assert state[list(COLUMNS[1:])].iloc[:199].isna().all(axis=None)
    assert state[list(COLUMNS)].iloc[199:].notna().all(axis=None)
    assert row(state, 199)["candles"] == 200
    with pytest.raises(NoTrade, match="199 whole 1h candles in a row, 200 are needed"):
        read_state(row(state, 198), SETTINGS, "1h")


def test_later_candles_do_not_change_earlier_states():
    frame = candles(400)
    pd.testing.assert_frame_equal(
        indicators(frame, SETTINGS).iloc[:250], indicators(frame.iloc[:250], SETTINGS)
    )


@pytest.mark.parametrize(
    ("drift", "noise", "regime"), [(0.004, 0.002, "trending"), (0, 0.01, "choppy"), (0, 0.0005, "flat")]
)
def test_regimes(drift, noise, regime):
    state = read_state(row(indicators(candles(drift=drift, noise=noise), SETTINGS)), SETTINGS, "1h")
    assert state.regime == regime
    assert (state.adx >= 25) == (regime == "trending")


@pytest.mark.parametrize(
    ("adx_trending", "atr_choppy", "regime"),
    [(0.001, 9.0, "trending"), (99.0, 0.001, "choppy"), (99.0, 9.0, "flat")],
)
def test_regime_follows_the_settings(adx_trending, atr_choppy, regime):
    settings = Settings(adx_trending=adx_trending, atr_choppy=atr_choppy)
    assert read_state(row(indicators(candles(), settings)), settings, "1h").regime == regime


@pytest.mark.parametrize(
    ("regime", "rsi", "macd_hist", "long", "short"),
    [
        ("trending", 60.1, 0.1, True, False),
        ("trending", 60.0, 0.1, False, False),
        ("trending", 60.1, 0.0, False, False),
        ("choppy", 70.0, 1.0, False, False),
        ("trending", 39.9, -0.1, False, True),
        ("trending", 40.0, -0.1, False, False),
        ("trending", 39.9, 0.0, False, False),
    ],
)
def test_strong_trend(regime, rsi, macd_hist, long, short):
    state = MarketState(rsi=rsi, macd_hist=macd_hist, adx=25, atr_pct=1, regime=regime)
    assert state.strong_trend(False, SETTINGS) is long
    assert state.strong_trend(True, SETTINGS) is short


@pytest.mark.parametrize("broken", [math.nan, math.inf, 0.0])
@pytest.mark.parametrize("column", ["high", "low", "close"])
def test_behind_a_broken_candle_the_state_begins_anew(column, broken):
    frame = candles(600)
    frame.loc[300, column] = broken
    state = indicators(frame, SETTINGS)
    pd.testing.assert_frame_equal(state.iloc[:300], indicators(frame.iloc[:300], SETTINGS))
    pd.testing.assert_frame_equal(state.iloc[301:], indicators(frame.iloc[301:], SETTINGS))
    with pytest.raises(NoTrade, match="99 whole 1h candles in a row"):
        read_state(row(state, 399), SETTINGS, "1h")


def test_an_indicator_that_is_not_a_number_is_no_trade():
    values = row(indicators(candles(), SETTINGS)) | {"adx": math.nan, "atr_pct": math.inf}
    with pytest.raises(NoTrade, match="adx, atr_pct of the 1h candles is not a number"):
        read_state(values, SETTINGS, "1h")


def test_a_market_that_does_not_move_is_no_trade():
    frame = candles()
    frame[["high", "low", "close"]] = 100.0
    with pytest.raises(NoTrade, match="does not move"):
        read_state(row(indicators(frame, SETTINGS)), SETTINGS, "1h")


def test_a_row_before_the_first_candle_is_no_trade():
    with pytest.raises(NoTrade, match="0 whole 1h candles"):
        read_state(dict.fromkeys(COLUMNS, math.nan), SETTINGS, "1h")


@pytest.mark.parametrize(
    ("adx", "atr_pct", "regime"),
    [(25.0, 0.0, "trending"), (24.9, 2.0, "choppy"), (24.9, 1.9, "flat"), (25.0, 2.0, "trending")],
)
def test_a_regime_begins_at_its_edge(adx, atr_pct, regime):
    settings = Settings(adx_trending=25.0, atr_choppy=2.0)
    assert REGIMES[int(_regime(adx, atr_pct, settings))] == regime
