"""Return to the average after a panic."""

from typing import Any

import talib
from pandas import DataFrame
from technical.qtpylib import crossed_above, crossed_below

from freqtrade_ext import ManagedStrategy


class VolatilityReversal(ManagedStrategy):
    """
    In a panic people sell at any price, and the price returns when the last of them has sold.
    It enters when a close comes back inside the Bollinger bands (20 candles, 2.5 deviations) while ranges are
    at least a quarter wider than usual (14 candles against 100), so that what ended was no quiet drift.
    At the middle of the bands the return is complete, and what the targets have left is closed.
    """

    timeframe = "1h"
    can_short = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        close = dataframe["close"]
        bands = talib.BBANDS(close, timeperiod=20, nbdevup=2.5, nbdevdn=2.5)
        dataframe["upper"], dataframe["middle"], dataframe["lower"] = bands
        width = talib.TRANGE(dataframe["high"], dataframe["low"], close) / close
        dataframe["unrest"] = width.rolling(14).mean() / width.rolling(100).mean()
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        close, is_panic = dataframe["close"], dataframe["unrest"] > 1.25
        up = crossed_above(close, dataframe["lower"]) & is_panic
        down = crossed_below(close, dataframe["upper"]) & is_panic
        dataframe.loc[up, ["enter_long", "enter_tag"]] = (1, "reversal")
        dataframe.loc[down, ["enter_short", "enter_tag"]] = (1, "reversal")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe.loc[crossed_above(dataframe["close"], dataframe["middle"]), "exit_long"] = 1
        dataframe.loc[crossed_below(dataframe["close"], dataframe["middle"]), "exit_short"] = 1
        return dataframe
