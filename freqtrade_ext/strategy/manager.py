"""Manage the trades of a strategy: what `ManagedStrategy`'s callbacks call."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from freqtrade.enums import TRADE_MODES, RunMode, TradingMode
from freqtrade.exceptions import DependencyException, TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, timeframe_to_minutes

from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.paper.left_over import name_liquidation
from freqtrade_ext.plan import NoTrade, explain
from freqtrade_ext.plan.exits import (
    LOUD_TRIES,
    STOP_PAUSES_SECONDS,
    Attempt,
    Least,
    due_amount,
    is_unsellable,
    merged,
    next_attempt,
    next_exit,
    slice_of,
)
from freqtrade_ext.plan.plan import Plan, PlanError
from freqtrade_ext.plan.position import Position
from freqtrade_ext.plan.stops import pick, stop_rate
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy import screen
from freqtrade_ext.strategy.backtest_chart import plan_text
from freqtrade_ext.strategy.callbacks import News
from freqtrade_ext.strategy.chart import Chart
from freqtrade_ext.strategy.entry import Entries, most_per_order
from freqtrade_ext.strategy.in_front import trailing_ratio
from freqtrade_ext.strategy.market_states import MarketStates
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.strategy.plans import PlanBook
from freqtrade_ext.strategy.story import begin_story, kept_candles, tell_story
from freqtrade_ext.tags import STOPS, tag_of

logger = logging.getLogger(__name__)

MESSENGERS = ("telegram", "discord", "webhook")
NOT_LISTED = Least(math.inf, math.inf)
NO_LEAST = Least(0.0, 0.0)
RECENT_DRAWN = 50
"""closed trades that the chart shows after a restart"""


class Manager:
    """Gives each trade of a strategy its plan, and keeps it to that."""

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
        self.chart = Chart()
        self.status = screen.Status(strategy)
        self.pace: Pace | None = None
        """where it is set, it wakes the bot at a trade's stop and next target"""
        self.plans = PlanBook(self.is_trading)
        self._strategy, self._exchange, self._paper = strategy, exchange, paper
        self.market_states = MarketStates(strategy, settings)
        self.entries = Entries(
            strategy, settings, exchange, self.market_states, paper, is_trading=self.is_trading
        )
        self._trailing = trailing_ratio(type(strategy)) if "trailing" in settings.keep else None
        self._attempts: dict[int, Attempt] = {}
        """trade id -> the exit at a target that was asked for last"""
        self._whole_exits: dict[int, Attempt] = {}
        """trade id -> the exit of the whole position that was asked for last"""
        self._settled: dict[int, tuple[int, float, int]] = {}
        """trade id -> target up to which nothing is due, with the amount and the orders it had then"""
        self._slices: dict[int, str] = {}
        """trade id -> reason of an exit of which a slice is due in this loop"""

    def tuned(self, settings: Settings) -> Manager:
        """Return a manager of the same strategy with other settings, which remembers no trade."""
        return Manager(self._strategy, settings, self._exchange, self._paper)

    # -- at the bot's start -------------------------------------------------------------------------

    def draw_recent(self) -> None:
        """Draw the trades that the last bot closed."""
        closed = Trade.get_trades_query(Trade.is_open.is_(False))
        for trade in Trade.session.scalars(closed.order_by(Trade.id.desc()).limit(RECENT_DRAWN)).unique():
            self.plans.restore(trade)
            self._draw(trade)

    # -- fills --------------------------------------------------------------------------------------

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
            self._keep_record(trade, order, is_entry)
            self._keep_story(trade, is_entry)
            self._draw(trade)
        elif self._is_backtest and len(trade.orders) == 1 and (plan := self.plans.known(trade)) is not None:
            # all that a backtest's result keeps of it
            trades.add_to_tag(order, plan_text(plan))

    def _keep_record(self, trade: Trade, order: Order, is_entry: bool) -> None:
        record = self._paper.fill_record(order.order_id) if self._paper else None
        record = record or trades.order_record(order)
        trade.set_custom_data("fills", [*trade.get_custom_data("fills", []), record.to_json()])
        text = record.words(trade.safe_base_currency, trade.safe_quote_currency)
        if is_entry:
            logger.info("%s 4/5 execution: %s", trade.pair, text)
            if (plan := self.plans.known(trade)) is not None:
                self._say(f"{trade.pair} {explain.monitoring_step(plan)}")
                screen.show_entry(trade, order, plan)
        else:
            if (plan := self.plans.known(trade)) is not None:
                screen.show_exit(trade, order, plan)
            trade.set_custom_data("realized_profit", trade.realized_profit)
            logger.info("%s %s: %s", trade.pair, tag_of(order.ft_order_tag), text)
        trades.add_to_tag(order, record.summary())

    def _keep_story(self, trade: Trade, is_entry: bool) -> None:
        """Keep what people read of a trade: its story, and candles that are gone by the time of a report."""
        if (plan := self.plans.known(trade)) is not None:
            tell_story(trade, plan, self.market_states.timeframe)
        if not is_entry:
            timeframe = self._strategy.timeframe
            candles = self._strategy.dp.get_pair_dataframe(trade.pair, timeframe)
            candle = timedelta(minutes=timeframe_to_minutes(timeframe))
            trade.set_custom_data("candles", kept_candles(candles, trade.open_date_utc, candle))

    def _say(self, text: str) -> None:
        """Log it, by way of the messengers where one takes it: freqtrade logs what it sends."""
        messengers = (self._strategy.config.get(name, {}) for name in MESSENGERS)
        if any(known.get("enabled") and known.get("allow_custom_messages") for known in messengers):
            self._strategy.dp.send_msg(text, always_send=True)
        else:
            logger.info(text)

    def _draw(self, trade: Trade) -> None:
        if (plan := self.plans.known(trade)) is not None:
            self.chart.draw(trade, plan, trades.read_position(trade))

    # -- the plan of a trade ----------------------------------------------------------------------

    def plan_of(self, trade: Trade) -> Plan | None:
        """
        Return the plan of a trade: from memory, from the database after a restart, or made anew.

        :return: None where the market state is unknown; freqtrade's stop guards the trade until then.
        """
        plan = self.plans.known(trade)
        if plan is None and (plan := self.plans.restore(trade)) is not None:
            logger.info("%s: plan restored, %s", trade.pair, explain.monitoring_step(plan))
            self._set_stop(trade, plan, trades.read_position(trade))
            self._draw(trade)
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
        whole = merged(plan, trades.read_position(trade), partial(self._least, trade))
        if self.is_trading and whole is not plan:
            logger.info("%s: %s", trade.pair, whole.reasons[1])
        return self._keep(trade, whole)

    def _keep(self, trade: Trade, plan: Plan) -> Plan:
        position = trades.read_position(trade)
        plan = plan.anchored(position.anchor(), partial(trades.round_rate, trade))
        self._set_stop(trade, plan, position)
        if self.is_trading:
            # before the plan, whose custom data has a database session of its own
            Trade.commit()
        self.plans.keep(trade, plan)
        return plan

    def guard(self, trade: Trade) -> None:
        """Make sure that a trade has the stop of its plan, and that this follows where it trails."""
        plan = self.plan_of(trade)
        follows = self.settings.stop_after_tp == "trail" or self._trailing is not None
        if plan is not None and follows and len(trade.orders) > 1:
            self._set_stop(trade, plan, trades.read_position(trade))

    def _set_stop(self, trade: Trade, plan: Plan, position: Position) -> None:
        best = (trade.min_rate if trade.is_short else trade.max_rate) or trade.open_rate
        rate = stop_rate(plan, position, self.settings, trade.fee_open, trade.fee_close or 0.0, best)
        if self._trailing is not None and plan.stage(best) == len(plan.target_rates):
            trailed = best * (1 + self._trailing if plan.is_short else 1 - self._trailing)
            rate = pick(plan, trailed, rate, position.stop_rate)
        trades.set_stop(trade, rate)
        trades.show_initial_stop(trade, plan.stop_rate)

    def is_too_old(self, trade: Trade, now: datetime) -> bool:
        """Return whether the trade has reached the time limit."""
        hours = self.settings.time_limit_hours
        return hours is not None and now - trade.open_date_utc >= timedelta(hours=hours)

    # -- targets ----------------------------------------------------------------------------------

    def exit_due(self, trade: Trade, rate: float, now: datetime) -> tuple[float, str] | None:
        """
        Return what `adjust_trade_position` is to return for a trade: minus the stake it cost, and a tag.

        :param rate: that an exit would get.
        """
        if not trade.has_open_position:
            return None
        plan = self.plan_of(trade)
        if self.is_trading:
            self._watch(trade, plan, rate)
        elif plan is not None and self._is_settled(trade, plan, rate):
            return None
        if plan is None:
            return None
        position, least = trades.read_position(trade), self._least(trade, rate)
        if self.is_trading and self._write_off(trade, position, rate, least):
            return None
        # the rest of a trade that its strategy's trailing stop takes over
        targets = len(plan.shares) - (self._trailing is not None)
        answer = next_exit(plan, position, rate, least, self._attempts.get(trade.id), now, targets)
        if answer.attempt is None:
            logger.debug("%s: no exit: %s", trade.pair, answer.why_not)
            self._settle(trade, plan, position, rate)
            return None
        self._attempts[trade.id] = answer.attempt
        if answer.attempt.tries == LOUD_TRIES:
            logger.error("%s: %s has moved nothing in %s tries", trade.pair, answer.tag, LOUD_TRIES)
        return -trades.stake_for(trade, answer.amount), answer.tag

    def _is_settled(self, trade: Trade, plan: Plan, rate: float) -> bool:
        """Return whether nothing can be due, as on most candles of a backtest."""
        stage, amount, orders = self._settled.get(trade.id, (0, trade.amount, 1))
        return plan.stage(rate) <= stage and trade.amount == amount and len(trade.orders) == orders

    def _settle(self, trade: Trade, plan: Plan, position: Position, rate: float) -> None:
        """Remember, for backtests, that all shares reached are sold, whatever the minimum at other rates."""
        stage = max(plan.stage(rate), position.stage_asked)
        if not self.is_trading and not due_amount(plan, position, stage, NO_LEAST):
            self._settled[trade.id] = (stage, trade.amount, len(trade.orders))

    def holds_back(self, trade: Trade, rate: float, reason: str) -> bool:
        """
        Return whether an exit of the whole position is too large for one market order.

        freqtrade would send it, and the exchange refuse it; `slice_due` sends a part in its place.
        """
        if trade.has_open_orders or trade.amount <= self._least(trade, rate).most:
            return False
        self._slices[trade.id] = reason
        return True

    def slice_due(self, trade: Trade, rate: float) -> tuple[float, str] | None:
        """Return a slice of the exit held back in this loop, as `exit_due` returns a target's."""
        reason = self._slices.pop(trade.id, None)
        if reason is None:
            return None
        position, least = trades.read_position(trade), self._least(trade, rate)
        return -trades.stake_for(trade, slice_of(position.held, position, least)), reason

    def may_exit(self, trade: Trade, now: datetime) -> bool:
        """Return whether to ask for an exit of the whole position now: one that moved nothing has to wait."""
        if trade.has_open_orders:
            return True
        last = self._whole_exits.get(trade.id)
        attempt = next_attempt(last, 0, trade.amount, now, STOP_PAUSES_SECONDS)
        if attempt is not None:
            self._whole_exits[trade.id] = attempt
        return attempt is not None

    def is_in_the_way(self, trade: Trade, order: Order) -> bool:
        """Return whether an open order holds what a stop that is reached needs."""
        tag = tag_of(order.ft_order_tag)
        if not self.is_trading or not trade.has_open_position or tag in STOPS or tag == "liquidation":
            return False
        try:
            rate = self._exchange.get_rate(trade.pair, True, "exit", trade.is_short)
        except (DependencyException, TemporaryError):
            return False
        return trades.read_position(trade).is_beyond_stop(rate)

    def _watch(self, trade: Trade, plan: Plan | None, rate: float) -> None:
        """Follow the lot that the exchange has now, and be woken at the trade's stop and next target."""
        if not trade.has_open_orders:
            trades.follow_lot(trade, self._exchange.get_precision_amount(trade.pair))
        if self.pace is not None:
            position = trades.read_position(trade)
            stage = max(plan.stage(rate), position.stage_asked) if plan is not None else 0
            self.pace.watch(trade.pair, plan, position, stage)

    def _least(self, trade: Trade, rate: float) -> Least:
        """Return what can be sold of the pair now: nothing where the exchange does not list it."""
        market = self._exchange.markets.get(trade.pair)
        if market is None:
            return NOT_LISTED
        # freqtrade refuses in silence what leaves less (2026.9 freqtradebot.py
        # `check_and_call_adjust_trade_position`)
        padded = self._exchange.get_min_pair_stake_amount(trade.pair, rate, self._strategy.stoploss) or 0.0
        whole = (market["limits"]["amount"]["min"] or 0.0) * (trade.contract_size or 1.0)
        if trade.trading_mode == TradingMode.SPOT:
            # exits of futures are reduce-only, which need no least notional
            whole = max(whole, (market["limits"]["cost"]["min"] or 0.0) / rate)
        return Least(padded / rate, whole, self._most(market))

    def _most(self, market: Mapping[str, Any]) -> float:
        """Return the largest market order of the pair in base units; no limit for limit orders."""
        if not self.is_trading or self._strategy.order_types["exit"] != "market":
            return math.inf
        return most_per_order(market)

    def _write_off(self, trade: Trade, position: Position, rate: float, least: Least) -> bool:
        """Close a trade of which partial fills have left less than the exchange lets anyone sell."""
        if position.is_busy or least is NOT_LISTED or not is_unsellable(position, rate, least):
            return False
        logger.warning(
            "%s: %s left of trade %s is below the exchange's minimum; closed, it stays in the wallet",
            trade.pair,
            trade.amount,
            trade.id,
        )
        trades.write_off(trade, rate)
        self._strategy.lock_pair(
            trade.pair, datetime.now(UTC), reason="Auto lock", side=trade.trade_direction
        )
        return True
