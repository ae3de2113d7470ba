"""What a managed strategy keeps of the strategy it wraps, and what of it gives way to the plan."""

from __future__ import annotations

from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from pandas import DataFrame

from freqtrade_ext.strategy.callbacks import given_the_trade_itself
from freqtrade_ext.strategy.manager import Manager
from freqtrade_ext.strategy.market_states import PREFIX
from freqtrade_ext.tags import is_of_plan


class Wrapping(IStrategy):
    """
    Callbacks that pass on to the wrapped strategy: `super()` in `class Mine(ManagedStrategy, Theirs)`.

    Where nothing is wrapped, `super()` is freqtrade's own base class, and none of this changes anything.
    """

    manager: Manager

    def get_strategy_name(self) -> str:
        """Tell `Managed` in a `--strategy-list`: freqtrade sorts its results by the names it was given."""
        return self.config["strategy"] if self.config.get("strategy_list") else super().get_strategy_name()

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Keep the market state in the dataframe, whatever the wrapped strategy makes of it."""
        of_state = [column for column in dataframe if column.startswith(PREFIX)]
        theirs = super().populate_indicators(dataframe.drop(columns=of_state), metadata)
        state = dataframe.set_index("date")[of_state]
        # by date, as they may have dropped candles; some make the date their index as well as a column
        return theirs.rename_axis(index=None).join(state, on="date")

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        if "exit_signal" in self.manager.settings.keep:
            return super().populate_exit_trend(dataframe, metadata)
        return dataframe

    @given_the_trade_itself
    def custom_exit(self, **kwargs: Any) -> str | bool | None:
        if "custom_exit" not in self.manager.settings.keep:
            return None
        return strategy_safe_wrapper(super().custom_exit, default_retval=False)(**kwargs)

    @given_the_trade_itself
    def confirm_trade_exit(self, exit_reason: str, **kwargs: Any) -> bool:
        """Let the wrapped strategy hold back its own exits, but no stop and no target of the plan."""
        if is_of_plan(exit_reason):
            return True
        ask = strategy_safe_wrapper(super().confirm_trade_exit, default_retval=True)
        return bool(ask(exit_reason=exit_reason, **kwargs))

    @given_the_trade_itself
    def order_filled(self, pair: str, trade: Trade, order: Order, **kwargs: Any) -> None:
        tell = strategy_safe_wrapper(super().order_filled, default_retval=True)
        tell(pair=pair, trade=trade, order=order, **kwargs)
