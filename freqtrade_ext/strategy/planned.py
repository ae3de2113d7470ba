"""`Planned`: the callbacks by which freqtrade asks the plan, in front of those of the strategy."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.constants import ListPairsWithTimeframes
from freqtrade.enums import ExitCheckTuple, ExitType, RunMode, TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, timeframe_to_minutes
from pandas import DataFrame

from freqtrade_ext.paper.exchange import PaperExchange
from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.plan import PlanError
from freqtrade_ext.settings import SettingsError
from freqtrade_ext.strategy.backtest_chart import backtest_drawings
from freqtrade_ext.strategy.callbacks import given_the_trade_itself, guarded, theirs
from freqtrade_ext.strategy.chart import LINES, Window
from freqtrade_ext.strategy.left_behind import sell_along
from freqtrade_ext.strategy.manager import Manager
from freqtrade_ext.strategy.market_states import startup_candles
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.strategy.paper_fills import settings_of
from freqtrade_ext.strategy.start import in_stake_currency, tell_large_lots
from freqtrade_ext.strategy.tuning import add_parameters, tuned
from freqtrade_ext.tags import TIME_LIMIT, is_of_plan, tag_of

logger = logging.getLogger(__name__)

FORCED = "force_entry"
"""entry tag of what a person asked for (2026.9 rpc/rpc.py `_rpc_force_entry`), who is always told why not"""

STOPS = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP_LOSS)


class Planned(IStrategy):
    """
    Stands in front of a strategy's class (`in_front.put_in_front`), so that `super()` is the strategy.

    A callback that the plan leaves to the strategy passes on to it, and does what stock freqtrade does where
    that raises.
    """

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
            self.manager.chart.follow_deletions()
            self.manager.draw_recent()
            tell_large_lots(self, settings)
        if paper and paper.feed:
            self.manager.pace = Pace(paper.feed, self.config)

    def analyze(self, pairs: list[str]) -> None:
        if self.manager.pace is not None:
            self.manager.pace.pause()
        if self.manager.is_trading:
            self.manager.status.tell(datetime.now(UTC))
        super().analyze(pairs)

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
        """Have freqtrade fetch the candles of the market state as well."""
        timeframe, kind = self.manager.market_states.timeframe, self.config["candle_type_def"]
        of_state = [(pair, timeframe, kind) for pair in self.dp.current_whitelist()]
        return [*super().gather_informative_pairs(), *of_state]

    def advise_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Give the strategy the market state among its candles."""
        with_state = self.manager.market_states.join(dataframe, metadata["pair"])
        return super().advise_indicators(with_state, metadata)

    def advise_entry(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        if self.config.get("runmode") == RunMode.HYPEROPT:
            # an epoch begins: with other settings, and with trade ids from 1 on
            self.manager = self.manager.tuned(tuned(self, self.manager.settings))
        return super().advise_entry(dataframe, metadata)

    # -- entry ------------------------------------------------------------------------------------

    @guarded(0.0)
    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Decide on a trade; 0 is no trade."""
        asked = self.manager.entries.asked_stake(pair, proposed_stake)
        try:
            stake_amount, decision = self.manager.entries.decide(
                pair, side == "short", current_time, current_rate, min_stake or 0.0, leverage, asked
            )
        except (NoTrade, PlanError) as why:
            if asked is not None or entry_tag == FORCED:
                logger.warning("%s: forced entry refused: %s", pair, why)
            elif self.manager.is_trading and self.manager.news.is_new(("no trade", pair), str(why)):
                logger.info("%s: no trade: %s", pair, why)
            return 0.0
        self.manager.plans.decide(pair, decision)
        return stake_amount

    @guarded(False)
    def confirm_trade_entry(
        self, pair: str, rate: float, current_time: datetime, side: str, **kwargs: Any
    ) -> bool:
        """Explain the decision, and let it survive a restart, right before the order goes out."""
        decision = self.manager.plans.decision_for(pair, side == "short", current_time)
        if decision is None:
            logger.error("%s: no entry without a decision on its size and plan", pair)
            return False
        confirmed = theirs(super().confirm_trade_entry, True)
        if not confirmed(pair=pair, rate=rate, current_time=current_time, side=side, **kwargs):
            return False
        self.manager.plans.save_decision(pair)
        if self.manager.is_trading:
            # an order that the exchange refuses is decided on again with every loop
            facts = f"{decision.is_short} {decision.state} {decision.account}"
            if self.manager.news.is_new(("entry", pair), facts):
                self.manager.entries.explain(pair, rate, decision)
        return True

    # -- the trade --------------------------------------------------------------------------------

    @given_the_trade_itself
    @guarded(None)
    def order_filled(self, pair: str, trade: Trade, order: Order, **kwargs: Any) -> None:
        if self.manager.is_trading and self.manager.plans.known(trade) is None:
            sell_along(trade, order, self.wallets)
        self.manager.order_filled(trade, order)
        theirs(super().order_filled, None)(pair=pair, trade=trade, order=order, **kwargs)

    @given_the_trade_itself
    @guarded(None)
    def custom_stoploss(self, trade: Trade, **kwargs: Any) -> None:
        """Let no trade go without the stop of its plan: not after a restart, nor one that came without."""
        self.manager.guard(trade)

    def should_exit(
        self, trade: Trade, rate: float, current_time: datetime, **kwargs: Any
    ) -> list[ExitCheckTuple]:
        """
        Leave by the time limit as well, after everything else.

        An exit that could sell nothing pauses, as each try is an order in the database, and one that is too
        large for a market order is handed over to `adjust_trade_position`.
        """
        exits: list[ExitCheckTuple] = super().should_exit(trade, rate, current_time, **kwargs)
        if self.manager.is_too_old(trade, current_time):
            exits.append(ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=TIME_LIMIT))
        if not exits or not self.manager.is_trading:
            return exits
        if not self.manager.may_exit(trade, current_time):
            return []
        return [] if self.manager.holds_back(trade, rate, exits[0].exit_reason) else exits

    def ft_check_timed_out(self, trade: Trade, order: Order, current_time: datetime) -> bool:
        """
        Cancel an open order once the stop is reached, before the stop is asked for.

        freqtrade cancels it as well, but only after it has read what there is to sell: what the order has
        filled by then is missing, and the stop is refused (2026.9 freqtradebot.py `execute_trade_exit`).
        """
        return self.manager.is_in_the_way(trade, order) or super().ft_check_timed_out(
            trade, order, current_time
        )

    def ft_stoploss_reached(self, current_rate: float, trade: Trade, **kwargs: Any) -> ExitCheckTuple:
        """
        Leave the stop to its order on the exchange where there is one, on paper as with real money.

        In dry-run freqtrade takes it as well (2026.9 strategy/interface.py `ft_stoploss_reached`), and would
        sell a position at once that a real account still has: behind a gap beyond the limit of its stop.
        """
        reached = super().ft_stoploss_reached(current_rate=current_rate, trade=trade, **kwargs)
        if reached.exit_type in STOPS and trade.has_open_sl_orders:
            return ExitCheckTuple(exit_type=ExitType.NONE)
        return reached

    @given_the_trade_itself
    @guarded(None)
    def adjust_trade_position(
        self, trade: Trade, current_time: datetime, current_exit_rate: float, **kwargs: Any
    ) -> tuple[float, str] | None:
        """
        Sell what is due at the targets reached: minus the stake it cost, and the target's tag.

        Where nothing is, a strategy that keeps its own may add to the position, or take from it.
        """
        due = self.manager.slice_due(trade, current_exit_rate) or self.manager.exit_due(
            trade, current_exit_rate, current_time
        )
        if self.manager.is_trading:
            self.manager.status.see(trade, self.manager.plans.known(trade), current_exit_rate)
        if due is None and "adjust_trade_position" in self.manager.settings.keep:
            ask = theirs(super().adjust_trade_position, None)
            return self._adjusted(
                trade,
                ask(trade=trade, current_time=current_time, current_exit_rate=current_exit_rate, **kwargs),
            )
        return due

    def _adjusted(self, trade: Trade, answer: Any) -> tuple[float, str] | None:
        """Return what a strategy wants of its position, its further entries within what sizing allows."""
        stake, tag = answer if isinstance(answer, tuple) else (answer, "")
        try:
            further = self.manager.entries.further(stake) if stake and stake > 0 else stake
        except NoTrade as why:
            if self.manager.news.is_new(("further", trade.pair), str(why)):
                logger.info("%s: no further entry: %s", trade.pair, why)
            return None
        return (further, tag or "") if further else None

    # -- the strategy's own exits, and none of the plan's --------------------------------------------

    @given_the_trade_itself
    def confirm_trade_exit(
        self, trade: Trade, exit_reason: str, current_time: datetime, **kwargs: Any
    ) -> bool:
        if exit_reason == ExitType.EMERGENCY_EXIT.value:
            # asked for in each loop where the stop cannot be placed on the exchange
            return self.manager.may_exit(trade, current_time)
        if is_of_plan(exit_reason):
            return True
        ask = theirs(super().confirm_trade_exit, True)
        return bool(ask(trade=trade, exit_reason=exit_reason, current_time=current_time, **kwargs))

    @given_the_trade_itself
    def custom_exit_price(self, proposed_rate: float, exit_tag: str | None, **kwargs: Any) -> float:
        if is_of_plan(exit_tag or ""):
            return proposed_rate
        ask = theirs(super().custom_exit_price, proposed_rate)
        rate: float = ask(proposed_rate=proposed_rate, exit_tag=exit_tag, **kwargs)
        return rate

    @given_the_trade_itself
    def check_exit_timeout(self, order: Order, **kwargs: Any) -> bool:
        if is_of_plan(tag_of(order.ft_order_tag)):
            return False
        return bool(theirs(super().check_exit_timeout, False)(order=order, **kwargs))

    @given_the_trade_itself
    def _planned_order_price(
        self, order: Order, current_order_rate: float, is_entry: bool, **kwargs: Any
    ) -> float | None:
        if not is_entry and is_of_plan(tag_of(order.ft_order_tag)):
            return current_order_rate
        ask = theirs(super().adjust_order_price, current_order_rate)
        rate: float | None = ask(
            order=order, current_order_rate=current_order_rate, is_entry=is_entry, **kwargs
        )
        return rate

    @guarded([])
    def plot_annotations(
        self, pair: str, start_date: datetime, end_date: datetime, dataframe: DataFrame, **kwargs: Any
    ) -> list[Any]:
        """Draw stop, entry and targets of the pair's trades; called from FreqUI's thread."""
        candle = timedelta(minutes=timeframe_to_minutes(self.timeframe))
        annotations = theirs(super().plot_annotations, [])
        own = annotations(pair=pair, start_date=start_date, end_date=end_date, dataframe=dataframe, **kwargs)
        # FreqUI gets this very dataframe (2026.9 rpc/rpc.py `_rpc_analysed_dataframe`)
        drawn = [*own, *self.manager.chart.annotations(pair, dataframe, candle)]
        if self.config.get("runmode") == RunMode.WEBSERVER:
            window = Window.of(dataframe, candle)
            for drawing in backtest_drawings(self.config, self.get_strategy_name(), pair):
                drawn += drawing.annotations(window)
        return drawn


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
