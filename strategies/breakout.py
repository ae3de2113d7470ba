"""Breakout of the recent range."""

from typing import Any

import talib
from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class BreakoutStrategy(ManagedStrategy):
    """
    A close above the highest high of the last 20 candles says that sellers there have been used up.
    It counts only with the trend (above a rising EMA of 100 candles) and when it is traded: volume of at
    least 1.5 times its average. Where it ends is the plan's business: there is no exit signal.
    """

    timeframe = "5m"
    # the EMA forgets where it began: 0.09 % off after 200 candles, 0.004 % after 400
    startup_candle_count = 400

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        # of the candles before: a candle cannot break its own range
        dataframe["range_high"] = dataframe["high"].rolling(20).max().shift(1)
        dataframe["usual_volume"] = dataframe["volume"].rolling(20).mean().shift(1)
        dataframe["ema"] = talib.EMA(dataframe["close"], timeperiod=100)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        breaks_out = dataframe["close"] > dataframe["range_high"]
        with_trend = (dataframe["close"] > dataframe["ema"]) & (dataframe["ema"] > dataframe["ema"].shift(1))
        is_traded = dataframe["volume"] > 1.5 * dataframe["usual_volume"]
        dataframe.loc[breaks_out & with_trend & is_traded, ["enter_long", "enter_tag"]] = (1, "breakout")
        return dataframe
