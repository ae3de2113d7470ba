"""Enters at once, so that a test decides what happens."""

from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class AlwaysEnter(ManagedStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe


class WaitsForAPerson(AlwaysEnter):
    """Has no signals; what is bought, a person asks for."""

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe
