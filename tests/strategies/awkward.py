"""Strategies that do what a managed strategy should not."""

from pandas import DataFrame

from freqtrade_ext import ManagedStrategy


class _Enters(ManagedStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = 1
        return dataframe


class Bypassing(_Enters):
    def custom_stoploss(self, **kwargs):
        return -0.5


class DropsColumns(_Enters):
    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe[["date", "open", "high", "low", "close", "volume"]].copy()


class Stubborn(_Enters):
    minimal_roi = {"0": 0.002}  # noqa: RUF012
    stoploss = -0.9
    trailing_stop = True
    trailing_stop_positive = 0.001
    trailing_only_offset_is_reached = False
    position_adjustment_enable = False
    startup_candle_count = 5


class FailsToSize(_Enters):
    def bot_loop_start(self, current_time, **kwargs):
        self.wallets = None
