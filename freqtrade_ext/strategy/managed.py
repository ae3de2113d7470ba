"""`ManagedStrategy`: a freqtrade strategy that writes signals only; sizing, stop and targets come with it."""

from __future__ import annotations

import logging
from typing import Any, Self

from pandas import DataFrame

from freqtrade_ext.strategy.advice import replaced
from freqtrade_ext.strategy.callbacks import given_the_trade_itself, theirs
from freqtrade_ext.strategy.gives_way import say_what_gives_way
from freqtrade_ext.strategy.in_front import put_in_front
from freqtrade_ext.strategy.manager import Manager
from freqtrade_ext.strategy.market_states import PREFIX
from freqtrade_ext.strategy.paper_fills import PaperFills, settings_of
from freqtrade_ext.strategy.planned import Planned

logger = logging.getLogger(__name__)


class ManagedStrategy(PaperFills):
    """
    Base class of strategies: subclass it and write `populate_entry_trend` and, if wanted, exits.

    Every trade gets its size, its stop and its targets from the market state of its pair; the `freqtrade_ext`
    section of config.json sets the numbers. `class Mine(ManagedStrategy, Theirs)` takes the signals of a
    strategy that was written without the plan. `Planned` stands in front of every such class; `manager` is
    the only name it adds to freqtrade's own.
    """

    manager: Manager

    def __new__(cls, config: dict[str, Any] | None = None) -> Self:
        """:raises OperationalException: a setting is wrong, or the strategy would bypass the plan."""
        if config is None or issubclass(cls, Planned):
            # unpickled, as by hyperopt's workers
            return super().__new__(cls)
        settings = settings_of(config)
        say_what_gives_way(cls, ManagedStrategy, settings)
        for line in replaced(config, settings):
            logger.warning(line)
        return super().__new__(put_in_front(Planned, cls, ManagedStrategy, config, settings))

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Keep the market state in the dataframe, whatever the wrapped strategy makes of it."""
        of_state = [column for column in dataframe if column.startswith(PREFIX)]
        computed = super().populate_indicators(dataframe.drop(columns=of_state), metadata)
        state = dataframe.set_index("date")[of_state]
        # by date, as they may have dropped candles; some make the date their index as well as a column
        return computed.rename_axis(index=None).join(state, on="date")

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        if "exit_signal" in self.manager.settings.keep:
            return super().populate_exit_trend(dataframe, metadata)
        return dataframe

    @given_the_trade_itself
    def custom_exit(self, **kwargs: Any) -> str | bool | None:
        if "custom_exit" not in self.manager.settings.keep:
            return None
        return theirs(super().custom_exit, False)(**kwargs)
