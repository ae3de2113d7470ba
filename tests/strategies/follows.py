"""Has no signals of its own: it enters where the bot that it listens to does."""

from freqtrade.strategy import merge_informative_pair
from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class Follows(ManagedStrategy):
    timeframe = "5m"
    # the leader's signal may arrive between two candles
    process_only_new_candles = False

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        theirs, _ = self.dp.get_producer_df(metadata["pair"], producer_name="leader")
        if theirs.empty:
            return dataframe.assign(enter_long_leader=0)
        signals = theirs[["date", "enter_long"]]
        return merge_informative_pair(
            dataframe, signals, self.timeframe, self.timeframe, append_timeframe=False, suffix="leader"
        )

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = dataframe["enter_long_leader"]
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe
