"""Buys every twenty minutes and sells ten minutes later, by market orders of 50 to 1,500."""

from datetime import datetime
from typing import ClassVar

from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_ext import PaperFills

STAKES = (50.0, 150.0, 500.0, 1500.0)


class Taking(PaperFills, IStrategy):
    timeframe = "5m"
    stoploss = -0.5
    order_types: ClassVar = {
        **dict.fromkeys(("entry", "exit", "stoploss"), "market"),
        "stoploss_on_exchange": False,
    }

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["date"].dt.minute % 20 == 15, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["date"].dt.minute % 20 == 5, "exit_long"] = 1
        return dataframe

    def custom_stake_amount(self, current_time: datetime, **kwargs) -> float:
        return STAKES[int(current_time.timestamp()) // 1200 % len(STAKES)]
