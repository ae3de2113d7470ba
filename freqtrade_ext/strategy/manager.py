"""Manage the trades of a strategy: what `ManagedStrategy`'s callbacks call."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from freqtrade.enums import TRADE_MODES, ExitType, TradingMode
from freqtrade.exceptions import DependencyException, TemporaryError
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.plan import NoTrade, explain
from freqtrade_ext.plan.plan import Plan, PlanError
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy import position, screen
from freqtrade_ext.strategy.callbacks import News
from freqtrade_ext.strategy.chart import Chart
from freqtrade_ext.strategy.entry import Entries
from freqtrade_ext.strategy.exits import Exits
from freqtrade_ext.strategy.market_states import MarketStates
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.strategy.plans import PlanBook
from freqtrade_ext.strategy.repeats import quieten

logger = logging.getLogger(__name__)

MESSENGERS = ("telegram", "discord", "webhook")
STOP_TAGS = (ExitType.STOP_LOSS.value, ExitType.TRAILING_STOP_LOSS.value, ExitType.LIQUIDATION.value)
"""tags of the orders that freqtrade places where it takes a stop itself"""
RECENT_DRAWN = 50
"""closed trades that the chart shows after a restart"""


class Manager:
    """Gives each trade of a strategy its plan, and keeps it to that."""

    def __init__(self, strategy: IStrategy, settings: Settings) -> None:
        """
        Start to manage; in dry-run, put the paper engine in place.

        :raises freqtrade.exceptions.OperationalException: freqtrade has changed where the engine goes in.
        """
        self.settings = settings
        self.is_trading = strategy.dp.runmode in TRADE_MODES
        self.news = News(strategy.timeframe)
        self.chart = Chart()
        self.status = screen.Status(strategy)
        self.pace: Pace | None = None
        self.plans = PlanBook(self.is_trading)
        self._strategy, self._exchange = strategy, exchange_of(strategy)
        self._paper = None
        if self.is_trading and strategy.config["dry_run"]:
            self._paper = install(self._exchange, settings, strategy.wallets)
            quieten()
            if self._exchange.feed is not None:
                self.pace = Pace(self._exchange.feed, strategy.config)
        self.market_states = MarketStates(strategy, settings)
        self.entries = Entries(
            strategy, settings, self.market_states, self._paper, is_trading=self.is_trading
        )
        self._exits = Exits(self._least_stake)
        if self.is_trading:
            self._resume()

    def _resume(self) -> None:
        """Take up what the bot before this one left."""
        if self._paper is not None:
            for trade in Trade.get_open_trades():
                if position.settle(trade, self._paper.fill_record):
                    logger.warning("%s: booked what the last bot was killed before booking", trade.pair)
            Trade.commit()
        for trade in Trade.get_trades_proxy(is_open=False)[-RECENT_DRAWN:]:
            self.plans.restore(trade)
            self._draw(trade)

    def order_filled(self, trade: Trade, order: Order) -> None:
        """Anchor the plan to what the entry paid; keep what happened to the order with the trade."""
        is_entry = order.ft_order_side == trade.entry_side
        if is_entry:
            self.news.forget(("entry", trade.pair))
            self._anchor(trade)
        elif self.settings.stop_after_tp == "break_even" and (plan := self.plan_of(trade)) is not None:
            self._set_stop(trade, plan)
        if self.is_trading:
            self._tell_fill(trade, order, is_entry)
            self._draw(trade)

    def _tell_fill(self, trade: Trade, order: Order, is_entry: bool) -> None:
        fill = (self._paper and self._paper.fill_record(order.order_id)) or position.order_record(order)
        trade.set_custom_data("fills", [*trade.get_custom_data("fills", []), fill])
        text = explain.fill_text(fill, trade.safe_base_currency, trade.safe_quote_currency)
        if is_entry:
            logger.info("%s 4/5 execution: %s", trade.pair, text)
            if (plan := self.plans.known(trade)) is not None:
                self._tell(f"{trade.pair} {explain.monitoring_step(plan)}")
                screen.show_entry(trade, order, plan)
        else:
            if (plan := self.plans.known(trade)) is not None:
                screen.show_exit(trade, order, plan)
            trade.set_custom_data("realized_profit", trade.realized_profit)
            logger.info("%s %s: %s", trade.pair, position.tag_of(order), text)
        position.add_to_tag(order, explain.fill_summary(fill))

    def _tell(self, text: str) -> None:
        """Log it, by way of the messengers where one takes it: freqtrade logs what it sends."""
        messengers = (self._strategy.config.get(name, {}) for name in MESSENGERS)
        if any(known.get("enabled") and known.get("allow_custom_messages") for known in messengers):
            self._strategy.dp.send_msg(text, always_send=True)
        else:
            logger.info(text)

    def _draw(self, trade: Trade) -> None:
        if (plan := self.plans.known(trade)) is not None:
            self.chart.draw(trade, plan)

    # -- the plan of a trade ----------------------------------------------------------------------

    def plan_of(self, trade: Trade) -> Plan | None:
        """
        Return the plan of a trade: from memory, from the database after a restart, or made anew.

        :return: None where the market state cannot be told; freqtrade's stop guards the trade until then.
        """
        plan = self.plans.known(trade)
        if plan is None and (plan := self.plans.restore(trade)) is not None:
            logger.info("%s: plan restored, %s", trade.pair, explain.monitoring_step(plan))
            self._set_stop(trade, plan)
            self.chart.draw(trade, plan)
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
        return self._keep(trade, plan)

    def _keep(self, trade: Trade, plan: Plan) -> Plan:
        plan = plan.anchored(position.average_entry(trade), partial(position.round_rate, trade))
        self._set_stop(trade, plan)
        if self.is_trading:
            # before the plan, whose custom data has a database session of its own
            Trade.commit()
        self.plans.keep(trade, plan)
        return plan

    def _set_stop(self, trade: Trade, plan: Plan) -> None:
        stop_rate = plan.stop_rate
        if self.settings.stop_after_tp == "break_even" and position.has_taken_profit(trade):
            stop_rate = plan.break_even_rate(trade.fee_open, trade.fee_close)
        position.set_stop(trade, stop_rate)

    # -- targets ----------------------------------------------------------------------------------

    def exit_due(self, trade: Trade, rate: float, now: datetime) -> tuple[float, str] | None:
        """
        Return what `adjust_trade_position` is to return for a trade.

        :param rate: that an exit would get.
        """
        if not trade.has_open_position:
            return None
        plan = self.plan_of(trade)
        stage = plan.stage(rate) if plan is not None else 0
        if self.pace is not None:
            self.pace.watch(trade, plan, max(stage, position.stage_asked(trade)))
        if plan is None or trade.has_open_orders:
            return None
        if self.is_trading:
            position.follow_lot(trade, self._exchange.get_precision_amount(trade.pair))
            if self._write_off(trade, rate):
                return None
        if position.is_stopped(trade, rate):
            return None
        return self._exits.due(trade, plan, stage, rate, now)

    def is_in_the_way(self, trade: Trade, order: Order) -> bool:
        """Return whether an open order holds what a stop that is reached needs."""
        if not self.is_trading or not trade.has_open_position or position.tag_of(order) in STOP_TAGS:
            return False
        try:
            rate = self._exchange.get_rate(trade.pair, True, "exit", trade.is_short)
        except (DependencyException, TemporaryError):
            return False
        return position.is_stopped(trade, rate)

    def _least_stake(self, pair: str, rate: float) -> float:
        """Give what an exit must leave or take, in stake currency, at least."""
        return self._exchange.get_min_pair_stake_amount(pair, rate, self._strategy.stoploss) or 0.0

    def _write_off(self, trade: Trade, rate: float) -> bool:
        """Close a trade of which partial fills have left less than the exchange lets anyone sell."""
        market = self._strategy.dp.market(trade.pair)
        if trade.trading_mode != TradingMode.SPOT or market is None:
            return False
        if not position.is_dust(trade, rate, market["limits"]):
            return False
        logger.warning(
            "%s: %s left of trade %s is below the exchange's minimum; closed, it stays in the wallet",
            trade.pair,
            trade.amount,
            trade.id,
        )
        position.write_off(trade, rate)
        self._strategy.lock_pair(
            trade.pair, datetime.now(UTC), reason="Auto lock", side=trade.trade_direction
        )
        return True
