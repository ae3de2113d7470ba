"""Give each trade of a strategy its plan, and keep its stop there: what `Planned`'s callbacks call."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from freqtrade.enums import TRADE_MODES, RunMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.paper.left_over import name_liquidation
from freqtrade_ext.plan import NoTrade, explain
from freqtrade_ext.plan.exits import merged
from freqtrade_ext.plan.plan import Plan, PlanError
from freqtrade_ext.plan.position import Position
from freqtrade_ext.plan.stops import stop_rate
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy.backtest_chart import plan_text
from freqtrade_ext.strategy.callbacks import News
from freqtrade_ext.strategy.entry import Entries
from freqtrade_ext.strategy.exits import Exits
from freqtrade_ext.strategy.in_front import own_rules, trailing_ratio
from freqtrade_ext.strategy.journal import Journal
from freqtrade_ext.strategy.market_states import MarketStates
from freqtrade_ext.strategy.plans import PlanBook
from freqtrade_ext.strategy.screen import Status
from freqtrade_ext.strategy.story import begin_story

logger = logging.getLogger(__name__)


class Manager:
    """Makes a plan for each trade of a strategy, and keeps the trade to it."""

    def __init__(
        self, strategy: IStrategy, settings: Settings, exchange: Exchange, paper: Engine | None = None
    ) -> None:
        """
        Compute and remember; nothing outside of this object changes.

        :param exchange: the bot's own.
        :param paper: the engine that fills its orders; None in live trading and in backtests.
        """
        self.settings = settings
        self.is_trading = strategy.dp.runmode in TRADE_MODES
        self._is_backtest = strategy.dp.runmode == RunMode.BACKTEST
        self.news = News(strategy.timeframe)
        self.status = Status(strategy)
        ratio = trailing_ratio(type(strategy)) if "trailing" in settings.keep else None
        # switched off by the strategy, stock freqtrade would not ask it either
        self.is_adjusted = "adjust_trade_position" in settings.keep and own_rules(type(strategy)).get(
            "position_adjustment_enable", True
        )
        self.plans = PlanBook(self.is_trading, None if ratio is None else 100 * ratio)
        self._strategy, self._exchange, self._paper = strategy, exchange, paper
        self.market_states = MarketStates(strategy, settings)
        self.entries = Entries(
            strategy, settings, exchange, self.market_states, paper, is_trading=self.is_trading
        )
        self.journal = Journal(strategy, paper, self.plans, self.market_states.timeframe)
        self.exits = Exits(strategy, exchange, is_trading=self.is_trading)

    def tuned(self, settings: Settings) -> Manager:
        """Return a manager of the same strategy with other settings, which remembers no trade."""
        return Manager(self._strategy, settings, self._exchange, self._paper)

    def order_filled(self, trade: Trade, order: Order) -> None:
        """Anchor the plan to what the entry paid; keep what happened to the order with the trade."""
        name_liquidation(trade, order)
        is_entry = order.ft_order_side == trade.entry_side
        if self.is_trading:
            begin_story(trade)
        if is_entry:
            self.news.forget(("entry", trade.pair))
            self._anchor(trade)
        elif self.settings.stop_after_tp != "stay" and (plan := self.plan_of(trade)) is not None:
            self._set_stop(trade, plan, trades.read_position(trade))
        if self.is_trading:
            self.journal.note(trade, order)
        elif self._is_backtest and len(trade.orders) == 1 and (plan := self.plans.known(trade)) is not None:
            # all that a backtest's result keeps of it
            trades.add_to_tag(order, plan_text(plan))

    def plan_of(self, trade: Trade) -> Plan | None:
        """
        Return the plan of a trade: from memory, from the database after a restart, or made anew.

        :return: None where the market state is unknown; freqtrade's stop guards the trade until then.
        """
        plan = self.plans.known(trade)
        if plan is None and (plan := self.plans.restore(trade)) is not None:
            logger.info("%s: plan restored, %s", trade.pair, explain.monitoring_step(plan))
            self._set_stop(trade, plan, trades.read_position(trade))
            self.journal.draw(trade)
        return plan or self._new_plan(trade)

    def _anchor(self, trade: Trade) -> None:
        """Make the plan at the first fill of the entry; move it at each further one."""
        earlier = self.plan_of(trade) if trade.nr_of_successful_entries > 1 else None
        if earlier is None:
            self._new_plan(trade)
        else:
            self._keep(trade, earlier)

    def _new_plan(self, trade: Trade) -> Plan | None:
        try:
            decision = self.plans.decision_for(trade.pair, trade.is_short, trade.open_date_utc)
            decision = decision or self.entries.take_over(trade)
            plan = decision.plan(trade.open_rate, self.settings)
        except (NoTrade, PlanError) as why:
            if self.news.is_new(("no plan", trade.id), str(why)):
                logger.error("%s: no plan yet, the stop is at %s: %s", trade.pair, trade.stop_loss, why)
            return None
        if self.is_trading:
            trade.set_custom_data("market_state", asdict(decision.state))
        whole = merged(plan, trades.read_position(trade), partial(self.exits.least, trade))
        if self.is_trading and whole is not plan:
            logger.info("%s: %s", trade.pair, whole.reasons[1])
        return self._keep(trade, whole)

    def _keep(self, trade: Trade, plan: Plan) -> Plan:
        position = trades.read_position(trade)
        plan = self.plans.trailing(plan.anchored(position.anchor(), partial(trades.round_rate, trade)))
        self._set_stop(trade, plan, position)
        if self.is_trading:
            # before the plan, whose custom data has a database session of its own
            Trade.commit()
        self.plans.keep(trade, plan)
        return plan

    def guard(self, trade: Trade) -> None:
        """Set the stop of a trade's plan where it is missing, and move a stop that trails."""
        plan = self.plan_of(trade)
        if plan is None:
            return
        has_sold = self.settings.stop_after_tp == "trail" and len(trade.orders) > 1
        # with a single target nothing is sold before the stop trails
        if has_sold or plan.trail_percent is not None:
            self._set_stop(trade, plan, trades.read_position(trade))

    def _set_stop(self, trade: Trade, plan: Plan, position: Position) -> None:
        best = (trade.min_rate if trade.is_short else trade.max_rate) or trade.open_rate
        rate = stop_rate(plan, position, self.settings, trade.fee_open, trade.fee_close or 0.0, best)
        trades.set_stop(trade, rate)
        trades.show_initial_stop(trade, plan.stop_rate)

    def is_too_old(self, trade: Trade, now: datetime) -> bool:
        """Return whether the trade has reached the time limit."""
        hours = self.settings.time_limit_hours
        return hours is not None and now - trade.open_date_utc >= timedelta(hours=hours)

    def exit_due(self, trade: Trade, rate: float, now: datetime) -> tuple[float, str] | None:
        """Return what is due at the targets of a trade, as `Exits.due` does."""
        return self.exits.due(trade, self.plan_of(trade), rate, now) if trade.has_open_position else None
