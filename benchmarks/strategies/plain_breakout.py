"""BreakoutStrategy's signals in a plain freqtrade strategy, with a stop and a ROI table of its own."""

from typing import Any

import talib
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class PlainBreakout(IStrategy):
    timeframe = "5m"
    startup_candle_count = 400
    # holds its trades about as long as the plan does: freqtrade's work grows with the candles in a trade
    stoploss = -0.018
    minimal_roi = {"0": 0.05}  # noqa: RUF012  # freqtrade's own form

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe["range_high"] = dataframe["high"].rolling(20).max().shift(1)
        dataframe["usual_volume"] = dataframe["volume"].rolling(20).mean().shift(1)
        dataframe["ema"] = talib.EMA(dataframe["close"], timeperiod=100)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        breaks_out = dataframe["close"] > dataframe["range_high"]
        with_trend = (dataframe["close"] > dataframe["ema"]) & (dataframe["ema"] > dataframe["ema"].shift(1))
        is_traded = dataframe["volume"] > 1.5 * dataframe["usual_volume"]
        dataframe.loc[breaks_out & with_trend & is_traded, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        return dataframe
