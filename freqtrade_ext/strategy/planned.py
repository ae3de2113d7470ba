"""`Planned`: the callbacks by which freqtrade asks the plan, in front of those of the strategy."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from freqtrade.enums import ExitCheckTuple, ExitType, RunMode
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import timeframe_to_minutes
from pandas import DataFrame

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.plan import PlanError
from freqtrade_ext.strategy.backtest_chart import backtest_drawings
from freqtrade_ext.strategy.callbacks import given_the_trade_itself, guarded, theirs
from freqtrade_ext.strategy.chart import Window
from freqtrade_ext.strategy.left_behind import sell_along
from freqtrade_ext.strategy.prepared import Prepared
from freqtrade_ext.tags import TIME_LIMIT, is_of_plan, tag_of

logger = logging.getLogger(__name__)

FORCED = "force_entry"
"""entry tag of what a person asked for (2026.9 rpc/rpc.py `_rpc_force_entry`), who always gets the reason"""

STOPS = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP_LOSS)


class Planned(Prepared):
    """
    Stands in front of a strategy's class (`in_front.put_in_front`), so that `super()` is the strategy.

    A callback that the plan leaves to the strategy passes on to it, and does what stock freqtrade does where
    that raises.
    """

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
        self.manager.journal.ask(pair)
        return True

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
        """Set the stop of the trade's plan, also after a restart and where it came without one."""
        self.manager.guard(trade)

    def should_exit(
        self, trade: Trade, rate: float, current_time: datetime, **kwargs: Any
    ) -> list[ExitCheckTuple]:
        """
        Leave by the time limit as well, after everything else.

        An exit that could sell nothing pauses, as each try is an order in the database, and one that is too
        large for a market order goes out in slices, by `adjust_trade_position`.
        """
        exits: list[ExitCheckTuple] = super().should_exit(trade, rate, current_time, **kwargs)
        if self.manager.is_too_old(trade, current_time):
            exits.append(ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=TIME_LIMIT))
        if not exits or not self.manager.is_trading:
            return exits
        order_type = self.order_types["stoploss" if exits[0].exit_type in STOPS else "exit"]
        if self.manager.exits.holds_back(trade, order_type, exits[0].exit_reason):
            return []
        return exits if self.manager.exits.may_exit(trade, current_time) else []

    def ft_check_timed_out(self, trade: Trade, order: Order, current_time: datetime) -> bool:
        """
        Cancel an open order once the stop is reached, before the stop is asked for.

        freqtrade cancels it as well, but only after it has read what there is to sell: what the order has
        filled by then is missing, and the stop is refused (2026.9 freqtradebot.py `execute_trade_exit`).
        """
        return self.manager.exits.is_in_the_way(trade, order) or super().ft_check_timed_out(
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
        due = self.manager.exits.slice_due(trade, current_exit_rate, current_time) or self.manager.exit_due(
            trade, current_exit_rate, current_time
        )
        if self.manager.is_trading:
            self.manager.status.see(trade, self.manager.plans.known(trade), current_exit_rate)
        if due is None and self.manager.is_adjusted:
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

    @given_the_trade_itself
    def confirm_trade_exit(
        self, trade: Trade, order_type: str, exit_reason: str, current_time: datetime, **kwargs: Any
    ) -> bool:
        if not is_of_plan(exit_reason):
            ask = theirs(super().confirm_trade_exit, True)
            if not ask(
                trade=trade,
                order_type=order_type,
                exit_reason=exit_reason,
                current_time=current_time,
                **kwargs,
            ):
                return False
        # what a person asks for, and an emergency, does not pass `should_exit`
        if self.manager.exits.holds_back(trade, order_type, exit_reason):
            return False
        if exit_reason == ExitType.EMERGENCY_EXIT.value:
            # asked for in each loop where the stop cannot be placed on the exchange
            return self.manager.exits.may_exit(trade, current_time)
        self.manager.journal.ask(trade.pair)
        return True

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
        drawn = [*own, *self.manager.journal.chart.annotations(pair, dataframe, candle)]
        if self.config.get("runmode") == RunMode.WEBSERVER:
            window = Window.of(dataframe, candle)
            for drawing in backtest_drawings(self.config, self.get_strategy_name(), pair):
                drawn += drawing.annotations(window)
        return drawn
