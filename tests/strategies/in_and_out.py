"""Enters on even minutes and leaves on odd ones, for many orders of both kinds in little time."""

from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class InAndOut(ManagedStrategy):
    timeframe = "1m"
    process_only_new_candles = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = (dataframe["date"].dt.minute % 2 == 0).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["exit_long"] = (dataframe["date"].dt.minute % 2 == 1).astype(int)
        return dataframe
