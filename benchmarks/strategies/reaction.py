"""Two bots that enter at once and again: this project's, and stock freqtrade with a stop and a target."""

from datetime import datetime
from typing import ClassVar

from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Always:
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def lock_pair(self, pair: str, until: datetime, reason: str | None = None, side: str = "*") -> None:
        """Enter again at once."""


class Ours(Always, ManagedStrategy): ...


class Stock(Always, IStrategy):
    stoploss = -0.01
    minimal_roi: ClassVar = {"0": 0.01}
