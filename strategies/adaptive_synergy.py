"""Trend following in a trend, reversal outside of one."""

from typing import Any

import talib
from pandas import DataFrame
from technical.qtpylib import crossed_above, crossed_below

from freqtrade_ext import ManagedStrategy


class AdaptiveSynergy(ManagedStrategy):
    """
    What pays in a trend loses outside of one, so the regime of the market state decides what counts.
    In a trend it enters when a pullback over the average of 20 candles ends in the direction that the average
    of 20 has to that of 50; otherwise when RSI comes back from an extreme and the average is still ahead.
    A position is closed early where the average of 20 candles crosses that of 50 against it.
    """

    timeframe = "1h"
    can_short = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe["fast"] = talib.SMA(dataframe["close"], timeperiod=20)
        dataframe["slow"] = talib.SMA(dataframe["close"], timeperiod=50)
        dataframe["rsi"] = talib.RSI(dataframe["close"], timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        close, fast, slow, rsi = (dataframe[name] for name in ("close", "fast", "slow", "rsi"))
        trends, ranges = dataframe["managed_regime"] == 2, dataframe["managed_regime"] < 2
        for rows, column, tag in (
            (trends & (fast > slow) & crossed_above(close, fast), "enter_long", "pullback"),
            (ranges & (close < fast) & crossed_above(rsi, 30), "enter_long", "reversal"),
            (trends & (fast < slow) & crossed_below(close, fast), "enter_short", "pullback"),
            (ranges & (close > fast) & crossed_below(rsi, 70), "enter_short", "reversal"),
        ):
            dataframe.loc[rows, [column, "enter_tag"]] = (1, tag)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[crossed_below(dataframe["fast"], dataframe["slow"]), "exit_long"] = 1
        dataframe.loc[crossed_above(dataframe["fast"], dataframe["slow"]), "exit_short"] = 1
        return dataframe
