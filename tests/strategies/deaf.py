"""Has an `order_filled` of its own, which asks nobody else."""

from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Deaf(ManagedStrategy, IStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["date"].dt.minute == 55, ["enter_long", "enter_tag"]] = (1, "full hour")
        return dataframe

    def order_filled(self, pair, trade, order, current_time, **kwargs) -> None:
        trade.set_custom_data("filled", trade.get_custom_data("filled", 0) + 1)
