from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from freqtrade.strategy import merge_informative_pair

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.market_state import COLUMNS, indicators
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.market_states import (
    PREFIX,
    MarketStates,
    startup_candles,
    state_timeframe,
    too_few,
)

SETTINGS = Settings()
PAIR = "BTC/USDT"


def candles(freq, periods, start="2026-01-01", unit="ns"):
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.002, periods)))
    dates = pd.date_range(start, periods=periods, freq=freq, tz="UTC").as_unit(unit)
    return pd.DataFrame(
        {
            "date": dates,
            "open": closes,
            "high": closes * 1.002,
            "low": closes * 0.998,
            "close": closes,
            "volume": 1.0,
        }
    )


def states(timeframe, served):
    strategy = SimpleNamespace(
        timeframe=timeframe, dp=SimpleNamespace(get_pair_dataframe=lambda pair, timeframe: served(timeframe))
    )
    return MarketStates(strategy, SETTINGS)


@pytest.mark.parametrize(
    ("timeframe", "freq", "own", "own_freq"),
    [
        ("1m", "1min", "1h", "1h"),
        ("5m", "5min", "1h", "1h"),
        ("1h", "1h", "1h", "1h"),
        ("4h", "4h", "4h", "4h"),
    ],
)
@pytest.mark.parametrize("unit", ["ns", "ms"])
def test_state_joins_as_freqtrades_informative_does(timeframe, freq, own, own_freq, unit):
    hours = candles(own_freq, 400)
    mine = candles(freq, 1500, start="2026-01-09 07:00", unit=unit)
    if timeframe == "4h":
        mine = hours
    joined = states(timeframe, lambda asked: {own: hours}[asked]).join(mine, PAIR)
    stock = merge_informative_pair(
        mine.astype({"date": "datetime64[ns, UTC]"}),
        indicators(hours, SETTINGS),
        timeframe,
        own,
        append_timeframe=False,
        suffix="state",
    )
    assert joined["close"].equals(mine["close"])
    assert joined["date"].equals(mine["date"])
    for column in (*COLUMNS, "regime"):
        assert joined[PREFIX + column].equals(stock[f"{column}_state"]), column
    assert joined[f"{PREFIX}rsi"].notna().sum() > 100


def test_missing_candles_keep_no_hour_from_those_behind_them():
    hours, mine = candles("1h", 400), candles("5min", 1500, start="2026-01-09 07:00")
    whole = states("5m", lambda timeframe: hours).join(mine, PAIR)
    # trading stood still, over the end of an hour: freqtrade's merge would show the hour before for another
    gone = mine.index[700:790]
    gapped = states("5m", lambda timeframe: hours).join(mine.drop(gone), PAIR)
    assert gapped.equals(whole.drop(gone))


def test_state_is_computed_anew_when_any_candle_has_changed():
    hours = candles("1h", 400)
    mine = candles("5min", 100, start="2026-01-16")
    kept = states("5m", lambda timeframe: hours.copy())
    before = kept.join(mine, PAIR)
    assert kept.join(mine, PAIR).equals(before)
    hours.loc[300, ["high", "low", "close"]] *= 1.1
    assert not kept.join(mine, PAIR).equals(before)


def test_no_candles_for_the_state_are_named():
    with pytest.raises(ValueError, match="BTC/USDT: no 1h candles"):
        states("5m", lambda timeframe: pd.DataFrame()).join(candles("5min", 10), PAIR)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [("ETH/USDT", "it is not on the whitelist"), (PAIR, "there are no 5m candles of it yet")],
)
def test_a_pair_without_candles_is_not_blamed_on_the_strategy_s_columns(pair, reason):
    """A forced entry off the whitelist was refused with "populate_indicators must keep the columns"."""
    known = states("5m", lambda timeframe: pd.DataFrame())
    known._strategy.dp.current_whitelist = lambda: [PAIR]
    known._strategy.dp.get_analyzed_dataframe = lambda pair, timeframe: (pd.DataFrame(), None)
    with pytest.raises(NoTrade, match=reason):
        known.last(pair)


@pytest.mark.parametrize(
    ("count", "timeframe", "advice"),
    [
        (110, "1d", '; set "state_timeframe": "12h" in freqtrade_ext to use those'),
        (16, "1w", '; set "state_timeframe": "12h" in freqtrade_ext to use those'),
        (40, "1d", '; set "state_timeframe": "4h" in freqtrade_ext to use those'),
        (150, "1h", ""),
        (100, "1d", '; set "state_timeframe": "12h" in freqtrade_ext to use those'),
    ],
)
def test_too_short_a_history_is_told_with_the_timeframe_that_would_do(count, timeframe, advice):
    known = f"no trade before 200 candles of {timeframe}, {count} are known"
    assert too_few(count, timeframe) == known + advice


@pytest.mark.parametrize(
    ("timeframe", "setting", "used", "candles"),
    [
        ("5m", None, "1h", 200),
        ("1h", None, "1h", 200),
        ("4h", None, "4h", 200),
        ("4h", "1h", "1h", 50),
        ("5m", "4h", "4h", 200),
    ],
)
def test_the_market_state_is_of_an_hour_or_of_longer_candles_of_the_strategy(
    timeframe, setting, used, candles
):
    settings = Settings(state_timeframe=setting)
    assert state_timeframe(timeframe, settings) == used
    assert startup_candles(timeframe, settings) == candles
