"""The same signals with and without the plan; both bots enter at once, so that trades are open."""

from datetime import datetime
from typing import Any

from pandas import DataFrame

from benchmarks.strategies.plain_breakout import PlainBreakout
from strategies.breakout import BreakoutStrategy


class EnterAtOnce:
    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["enter_long"] = 1
        return dataframe

    def lock_pair(self, pair: str, until: datetime, reason: str | None = None, side: str = "*") -> None:
        """Enter again at once."""


class OursBusy(EnterAtOnce, BreakoutStrategy): ...


class StockBusy(EnterAtOnce, PlainBreakout): ...
