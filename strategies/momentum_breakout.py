"""Breakout with unusual speed."""

from typing import Any

import talib
from pandas import DataFrame
from technical.qtpylib import crossed_above, crossed_below

from freqtrade_ext import ManagedStrategy


class MomentumBreakout(ManagedStrategy):
    """
    Most breakouts fail, but one that comes fast is pushed by somebody who is not done yet.
    It enters at a close beyond the range of the last 55 candles where the change over 20 candles is more than
    two standard deviations (of the last 200) from its mean and ADX above 20 says that there is direction.
    When the close comes back over the average of 20 candles the push is over, and so is the position.
    """

    timeframe = "1h"
    can_short = True
    # 200 changes, each over 20 candles
    startup_candle_count = 220

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        # of the candles before: a candle cannot break its own range
        dataframe["range_high"] = dataframe["high"].rolling(55).max().shift(1)
        dataframe["range_low"] = dataframe["low"].rolling(55).min().shift(1)
        dataframe["average"] = talib.SMA(dataframe["close"], timeperiod=20)
        change = talib.ROC(dataframe["close"], timeperiod=20)
        usual = change.rolling(200)
        dataframe["momentum"] = (change - usual.mean()) / usual.std()
        dataframe["adx"] = talib.ADX(dataframe["high"], dataframe["low"], dataframe["close"], timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        has_direction = dataframe["adx"] > 20
        up = (dataframe["close"] > dataframe["range_high"]) & (dataframe["momentum"] > 2)
        down = (dataframe["close"] < dataframe["range_low"]) & (dataframe["momentum"] < -2)
        dataframe.loc[up & has_direction, ["enter_long", "enter_tag"]] = (1, "momentum")
        dataframe.loc[down & has_direction, ["enter_short", "enter_tag"]] = (1, "momentum")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[crossed_below(dataframe["close"], dataframe["average"]), "exit_long"] = 1
        dataframe.loc[crossed_above(dataframe["close"], dataframe["average"]), "exit_short"] = 1
        return dataframe
