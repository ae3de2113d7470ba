"""Enters short at once, so that a test decides what happens."""

from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Short(ManagedStrategy):
    timeframe = "5m"
    can_short = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe
