"""`PaperFills`: any freqtrade strategy as it is, its orders filled as by the real exchange."""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.enums import TRADE_MODES, RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.market_name import name_market
from freqtrade_ext.paper.seams import check_strategy
from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.charges import charge_costs
from freqtrade_ext.strategy.position import settle
from freqtrade_ext.strategy.repeats import quieten

logger = logging.getLogger(__name__)


class PaperFills(IStrategy):
    """
    Base class for `class Mine(PaperFills, Theirs)`: in dry-run the paper engine fills its orders.

    Stake, stop, ROI, trailing, position adjustment, order types and callbacks stay the strategy's own. With
    real money this class does nothing; in backtests it charges `backtest_costs`, if set.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """:raises OperationalException: freqtrade has changed what a strategy is asked."""
        check_strategy(type(self))
        super().__init__(config)

    def get_strategy_name(self) -> str:
        """
        Return `Paper` for backtests: freqtrade finds results by the name it was given, when it plots them.

        Trades of the bot have the name of the strategy itself, and hyperopt writes beside its file.
        """
        is_of_results = self.config.get("runmode") in (RunMode.BACKTEST, RunMode.PLOT, RunMode.WEBSERVER)
        return self.config["strategy"] if is_of_results else super().get_strategy_name()

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Put the paper engine in place; freqtrade calls this once, before the first order.

        :raises OperationalException: a setting is wrong, or freqtrade has changed where the engine goes in.
        """
        settings = settings_of(self.config)
        super().ft_bot_start(**kwargs)
        charge_costs(self, settings)
        if self.dp.runmode not in TRADE_MODES:
            return
        name_market(self.config)
        engine = install(exchange_of(self), settings, self.wallets)
        if engine is not None:
            quieten()
            book_left_over(engine)


def settings_of(config: dict[str, Any]) -> Settings:
    """
    Read the `freqtrade_ext` section of freqtrade's configuration.

    :raises OperationalException: naming the setting that is wrong; freqtrade stops with that line.
    """
    try:
        return Settings.from_config(config)
    except SettingsError as error:
        raise OperationalException(str(error)) from error


def book_left_over(engine: Engine) -> None:
    """Book the fills that a kill kept the bot before this one from booking."""
    for trade in Trade.get_open_trades():
        if settle(trade, engine.fill_record):
            logger.warning("%s: booked what the last bot was killed before booking", trade.pair)
    Trade.commit()
