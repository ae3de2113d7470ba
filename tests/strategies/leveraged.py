"""Goes long and short by turns with a leverage that the market can end."""

from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Leveraged(ManagedStrategy):
    timeframe = "1h"
    can_short = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        is_long = metadata["pair"].startswith(("BTC", "SOL"))
        dataframe["enter_long"], dataframe["enter_short"] = int(is_long), int(not is_long)
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, side, **kwargs):
        return 10.0
