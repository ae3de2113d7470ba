"""`Prepared`: how a bot with plans starts, and the candles that its strategy gets."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from freqtrade.constants import ListPairsWithTimeframes
from freqtrade.enums import RunMode, TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.strategy.chart import LINES
from freqtrade_ext.strategy.manager import Manager
from freqtrade_ext.strategy.market_states import startup_candles
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.strategy.paper_fills import settings_of
from freqtrade_ext.strategy.position import forget_nameless
from freqtrade_ext.strategy.start import in_stake_currency, tell_large_lots
from freqtrade_ext.strategy.tuning import add_parameters, own_exits, tuned

logger = logging.getLogger(__name__)


class Prepared(IStrategy):
    """The first part of `Planned`: `super()` is the strategy."""

    manager: Manager
    can_short: bool

    def __init__(self, config: dict[str, Any]) -> None:
        """:raises OperationalException: the strategy has no timeframe, or sets a name that the plan needs."""
        super().__init__(config)
        name = type(self).__name__
        if "manager" in vars(self):
            raise OperationalException(f"{name} sets self.manager, which ManagedStrategy uses: rename it")
        if not hasattr(self, "timeframe") and "timeframe" not in config:
            raise OperationalException(
                f'{name} has no timeframe: set it there, or "timeframe" in config.json'
            )
        if self.can_short and config.get("trading_mode", TradingMode.SPOT) == TradingMode.SPOT:
            logger.info("%s: only its long signals count, shorts need futures", name)
            self.can_short = False
        if not isinstance(getattr(type(self), "plot_config", None), property):
            own: dict[str, Any] = getattr(self, "plot_config") or {}  # noqa: B009  # mypy cannot tell its type
            self.plot_config = {**own, "main_plot": {**LINES, **own.get("main_plot", {})}}

    @property
    def startup_candle_count(self) -> int:
        """Candles before the first signal: the strategy's own number, and at least what the plan needs."""
        own: int = vars(self).get("startup_candle_count", super().startup_candle_count)
        return max(own, startup_candles(self.timeframe, settings_of(self.config)))

    @startup_candle_count.setter
    def startup_candle_count(self, count: int) -> None:
        self.__dict__["startup_candle_count"] = count

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Put the plan in charge; freqtrade calls this once, before the first order, in trading and backtests.

        :raises OperationalException: a setting is wrong, or the stop's orders could never be filled.
        """
        settings = replace(settings_of(self.config), max_positions=self.max_open_trades)
        try:
            settings = in_stake_currency(self, settings)
            add_parameters(self, settings)
            super().ft_bot_start(**kwargs)
            settings = tuned(self, settings)
        except SettingsError as error:
            raise OperationalException(str(error)) from error
        check_stop_orders(self)
        self.config["stoploss"] = float(self.stoploss)  # freqtrade's API sends it, as JSON
        # on the object: freqtrade refuses a class that has this as well as `adjust_entry_price` (2026.9
        # resolvers/strategy_resolver.py `validate_strategy`)
        self.adjust_order_price = self._planned_order_price
        exchange = exchange_of(self)
        paper = exchange if isinstance(exchange, PaperExchange) else None
        self.manager = Manager(self, settings, exchange, paper.paper if paper else None)
        if self.manager.is_trading:
            self.manager.journal.chart.follow_deletions()
            self.manager.journal.draw_recent()
            tell_large_lots(self, settings)
        if paper and paper.feed:
            self.manager.exits.pace = Pace(paper.feed, self.config)

    def analyze(self, pairs: list[str]) -> None:
        if self.manager.exits.pace is not None:
            self.manager.exits.pace.pause()
        if self.manager.is_trading:
            self.manager.status.tell(datetime.now(UTC))
        if self.manager.is_trading and not self.config["dry_run"]:
            self._end_nameless_orders()
        super().analyze(pairs)

    def _end_nameless_orders(self) -> None:
        for trade in Trade.get_open_trades():
            if forget_nameless(trade):
                logger.error("%s: an order came back without an id, the exchange may have it", trade.pair)
                Trade.commit()

    def analyze_pair(self, pair: str) -> None:
        """
        Leave out what stock freqtrade does for a pair without a new candle: it copies the candles, writes
        six columns into the copy and drops it (2026.9 strategy/interface.py `_analyze_ticker_internal`).
        """
        candles = self.dp.ohlcv(pair, self.timeframe, copy=False)
        analyzed, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        if (
            not self.process_only_new_candles
            or candles.empty
            or analyzed.empty
            or candles["date"].iloc[-1] != analyzed["date"].iloc[-1]
        ):
            super().analyze_pair(pair)

    def gather_informative_pairs(self) -> ListPairsWithTimeframes:
        """Add the candles of the market state to those that freqtrade fetches."""
        timeframe, kind = self.manager.market_states.timeframe, self.config["candle_type_def"]
        of_state = [(pair, timeframe, kind) for pair in self.dp.current_whitelist()]
        return [*super().gather_informative_pairs(), *of_state]

    def advise_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Add the market state to the strategy's candles."""
        with_state = self.manager.market_states.join(dataframe, metadata["pair"])
        return super().advise_indicators(with_state, metadata)

    def get_no_optimize_params(self) -> dict[str, dict[str, Any]]:
        """Have hyperopt write down the strategy's own exits with its parameters, not the plan's."""
        return {**super().get_no_optimize_params(), **own_exits(self)}

    def advise_entry(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        if self.config.get("runmode") == RunMode.HYPEROPT:
            # an epoch begins: with other settings, and with trade ids from 1 on
            self.manager = self.manager.tuned(tuned(self, self.manager.settings))
        return super().advise_entry(dataframe, metadata)


def check_stop_orders(strategy: IStrategy) -> None:
    """
    Refuse a time in force by which the stop itself would be refused, or expire, again and again.

    :raises OperationalException: naming both settings.
    """
    kinds, time_in_force = strategy.order_types, strategy.order_time_in_force["exit"]
    stops = ["emergency_exit"] if kinds.get("stoploss_on_exchange") else ["stoploss", "emergency_exit"]
    for name in stops:
        if kinds.get(name) == "limit" and time_in_force.upper() in ("PO", "FOK"):
            raise OperationalException(
                f"order_types.{name} is limit and order_time_in_force.exit is {time_in_force}: a falling "
                f"market would never fill the stop. Set order_types.{name} to market, or the other to GTC"
            )
