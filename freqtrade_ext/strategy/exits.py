"""Exits of managed trades: what is due at a target, a slice of a large exit, and when to ask again."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from freqtrade.enums import TradingMode
from freqtrade.exceptions import DependencyException, TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.plan.exits import (
    LOUD_TRIES,
    STOP_PAUSES_SECONDS,
    Attempt,
    Least,
    due_amount,
    is_unsellable,
    next_attempt,
    next_exit,
    slice_of,
)
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Position
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy.market_facts import most_per_order
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.tags import STOPS, tag_of

logger = logging.getLogger(__name__)

NOT_LISTED = Least(math.inf, math.inf)
NO_LEAST = Least(0.0, 0.0)
OTHER_RULES = 2.0
"""times the amount of an accepted entry: a higher minimum is another than the one of that time"""


class Exits:
    """What is remembered of the exits of a strategy's trades, by trade id."""

    def __init__(self, strategy: IStrategy, exchange: Exchange, *, is_trading: bool) -> None:
        """:param exchange: the bot's own."""
        self.pace: Pace | None = None
        """where it is set, it wakes the bot at a trade's stop and next target"""
        self._strategy, self._exchange = strategy, exchange
        self._is_trading = is_trading
        self._attempts: dict[int, Attempt] = {}
        """the exit at a target that was asked for last"""
        self._whole_exits: dict[int, Attempt] = {}
        """the exit of the whole position that was asked for last"""
        self._settled: dict[int, tuple[int, float, int]] = {}
        """target up to which nothing is due, with the amount and the orders the trade had then"""
        self._slices: dict[int, str] = {}
        """reason of an exit of the whole position that goes out in slices"""

    def due(self, trade: Trade, plan: Plan | None, rate: float, now: datetime) -> tuple[float, str] | None:
        """
        Return what `adjust_trade_position` is to return for a trade: minus the stake it cost, and a tag.

        :param plan: None where the trade has none yet, then nothing is due.
        :param rate: that an exit would get.
        """
        if self._is_trading:
            self._watch(trade, plan, rate)
        elif plan is not None and self._is_settled(trade, plan, rate):
            return None
        if plan is None:
            return None
        position, least = trades.read_position(trade), self.least(trade, rate)
        if self._is_trading and self._write_off(trade, position, rate, least):
            return None
        answer = next_exit(plan, position, rate, least, self._attempts.get(trade.id), now)
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
        if not self._is_trading and not due_amount(plan, position, stage, NO_LEAST):
            self._settled[trade.id] = (stage, trade.amount, len(trade.orders))

    def holds_back(self, trade: Trade, order_type: str, reason: str) -> bool:
        """
        Return whether an exit of the whole position is too large for one market order.

        freqtrade would send it, and the exchange refuse it; `slice_due` sells in parts in its place.
        """
        if order_type != "market" or not self._is_trading or trade.has_open_orders:
            return False
        most = most_per_order(self._exchange.markets.get(trade.pair) or {})
        if trade.amount <= most:
            return False
        if self._slices.get(trade.id) != reason:
            self._slices[trade.id] = reason
            logger.info("%s: %s sells %.8g in slices of %.8g", trade.pair, reason, trade.amount, most)
        return True

    def slice_due(self, trade: Trade, rate: float, now: datetime) -> tuple[float, str] | None:
        """Return the next slice of an exit that was held back, as `due` returns a target's."""
        reason = self._slices.get(trade.id)
        if reason is None or trade.has_open_orders or not self.may_exit(trade, now):
            return None
        position, least = trades.read_position(trade), self.least(trade, rate)
        amount = slice_of(position.held, position, least)
        if amount == position.held:
            del self._slices[trade.id]
        return -trades.stake_for(trade, amount), reason

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
        if not self._is_trading or not trade.has_open_position or tag in STOPS or tag == "liquidation":
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

    def least(self, trade: Trade, rate: float) -> Least:
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
        if not self._is_trading or self._strategy.order_types["exit"] != "market":
            return math.inf
        return most_per_order(market)

    def _write_off(self, trade: Trade, position: Position, rate: float, least: Least) -> bool:
        """
        Close a trade of which partial fills have left less than the exchange lets anyone sell.

        Where the exchange asks for much more than the entry was, its rules have changed, and the trade waits.
        """
        if position.is_busy or least is NOT_LISTED or not is_unsellable(position, rate, least):
            return False
        if least.whole > OTHER_RULES * max(o.safe_amount for o in trade.orders if o.side == trade.entry_side):
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
