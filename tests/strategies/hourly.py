"""Enters at each full hour, so that a minute's difference at an exit moves no later entry."""

from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Signals(IStrategy):
    timeframe = "5m"
    stoploss = -0.1

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["date"].dt.minute == 55, ["enter_long", "enter_tag"]] = (1, "full hour")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe


class Hourly(ManagedStrategy, Signals):
    pass
