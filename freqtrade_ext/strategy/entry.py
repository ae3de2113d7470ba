"""Decide on entries: gather account and order book, and size the position."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from datetime import UTC, datetime

from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.fills.book import walk
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.plan import NoTrade, explain
from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.sizing import (
    AccountState,
    Stake,
    asked_position,
    check_cost,
    size_position,
    trim_to_balance,
    trim_to_order,
)
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.advice import stake_limit
from freqtrade_ext.strategy.market_facts import check_liquidation, most_per_order, sane_book
from freqtrade_ext.strategy.market_states import MarketStates
from freqtrade_ext.strategy.recent import RecentResults

logger = logging.getLogger(__name__)


class Entries:
    """Decides on the entries of a strategy: their size, and the facts that their plans are made of."""

    def __init__(
        self,
        strategy: IStrategy,
        settings: Settings,
        exchange: Exchange,
        states: MarketStates,
        paper: Engine | None,
        *,
        is_trading: bool,
    ) -> None:
        """
        :param exchange: the bot's own.
        :param paper: knows the exact account in dry-run.
        :param is_trading: there is an order book to look at, as backtests have none.
        """
        self._strategy, self._settings, self._states, self._paper = strategy, settings, states, paper
        self._is_trading, self._exchange = is_trading, exchange
        self._recent = RecentResults(settings.recent_trades)
        self._is_futures = strategy.config.get("trading_mode") == TradingMode.FUTURES
        self._currency: str = strategy.config["stake_currency"]
        is_limited = is_trading and not strategy.config["dry_run"] and not settings.exceed_stake_amount
        self._most = stake_limit(strategy.config.get("original_config", {})) if is_limited else None
        """stake that real money must not exceed, in stake currency; None for no limit"""
        self._stakes: dict[str, Stake] = {}

    def asked_stake(self, pair: str, proposed: float) -> float | None:
        """
        Return the stake that a person typed in for a forced entry, in stake currency; None for a signal's.

        freqtrade does not say whose it is: a signal comes with what the wallets propose at this moment.
        """
        if not self._is_trading:
            return None
        most = self._strategy.config["max_open_trades"]
        own = self._strategy.wallets.get_trade_stake_amount(pair, most, update=False)
        return None if math.isclose(proposed, own) else proposed

    def decide(
        self,
        pair: str,
        is_short: bool,
        time: datetime,
        rate: float,
        minimum: float,
        leverage: float,
        asked: float | None = None,
    ) -> tuple[float, Decision]:
        """
        Decide on an entry at this rate.

        :param minimum: smallest stake the exchange accepts, in stake currency.
        :param asked: stake that a person asks for, in stake currency.
        :return: stake in stake currency, and its decision.
        :raises NoTrade: there is to be no trade; the message says why.
        :raises freqtrade_ext.plan.plan.PlanError: there can be no plan.
        """
        state = self._states.last(pair)
        account = self.account_state()
        if asked is None:
            stake = size_position(account, minimum, self._settings, self._currency)
            self._check_limit(stake)
        else:
            stake = asked_position(asked, account, minimum, self._currency)
        spread = 0.0
        if self._is_trading:
            bids, asks = sane_book(self._strategy.dp, pair)
            levels, spread = (bids if is_short else asks), asks[0][0] - bids[0][0]
            if self._strategy.order_types["entry"] == "market":
                largest = most_per_order(self._strategy.dp.market(pair) or {})
                stake = trim_to_order(stake, largest * rate / leverage)
            fills = walk(levels, stake.stake_amount * leverage / rate, "sell" if is_short else "buy").fills
            fee = self._fee_on_top(pair)
            stake = trim_to_balance(
                stake, fills, rate, account.balance, minimum, fee, leverage, self._currency
            )
        decision = Decision(_ms(time), is_short, state, account, stake.reason)
        plan = decision.plan(rate, self._settings)
        check_cost(
            plan.stop_percent, 100 * spread / rate, 200 * self._taker_fee(pair), self._settings.max_cost
        )
        if self._is_futures:
            check_liquidation(self._exchange, pair, plan, stake.stake_amount, leverage)
        self._stakes[pair] = stake
        return stake.stake_amount, decision

    def further(self, asked: float) -> float:
        """
        Return the stake of a further entry into an open position: no more than a new one in its place gets.

        :param asked: by the strategy; both in stake currency.
        :raises NoTrade: a new position would get nothing; the message says why.
        """
        account = self.account_state()
        account = replace(account, open_positions=account.open_positions - 1)
        stake = size_position(account, 0.0, self._settings, self._currency)
        stake = replace(stake, stake_amount=min(asked, stake.stake_amount))
        self._check_limit(stake)
        return stake.stake_amount

    def _check_limit(self, stake: Stake) -> None:
        """:raises NoTrade: real money is asked for beyond what the configuration says."""
        if self._most is not None and stake.stake_amount > self._most:
            raise NoTrade(
                f"the plan's {stake.stake_amount:g} {self._currency} exceed stake_amount {self._most:g} of "
                'config.json: set that to "unlimited", or freqtrade_ext.exceed_stake_amount to true'
            )

    def explain(self, pair: str, rate: float, decision: Decision) -> None:
        """Log the three steps of a decision: market, sizing, levels."""
        plan = decision.plan(rate, self._settings)
        is_strong = decision.state.strong_trend(decision.is_short, self._settings)
        for step in (
            explain.market_step(decision.state, self._states.timeframe, is_strong),
            explain.sizing_step(self._stakes[pair], decision.account, plan, self._currency),
            explain.levels_step(plan),
        ):
            logger.info("%s %s", pair, step)

    def take_over(self, trade: Trade) -> Decision:
        """
        Decide on an open trade without a decision, as if it were to be opened now.

        :raises NoTrade: the market state is not known.
        """
        logger.warning("%s: trade %s came without a plan, it gets one now", trade.pair, trade.id)
        now = self.account_state()
        account = AccountState(
            now.balance + trade.stake_amount, now.open_positions - 1, now.winners, now.losers
        )
        state = self._states.last(trade.pair)
        return Decision(_ms(datetime.now(UTC)), trade.is_short, state, account, "taken over")

    def account_state(self) -> AccountState:
        balance = self._strategy.wallets.get_available_stake_amount()
        winners, losers = self._recent.count()
        return AccountState(balance, Trade.get_open_trade_count(), winners, losers)

    def _fee_on_top(self, pair: str) -> float:
        """Return the ratio of an entry's fee that is paid in stake currency, on top of the order's cost."""
        if self._is_futures or (self._paper is not None and self._settings.fee_asset == "quote"):
            return self._taker_fee(pair)
        return 0.0

    def _taker_fee(self, pair: str) -> float:
        """Return the ratio that taking costs."""
        if not self._is_trading:
            # hyperopt has taken the exchange's client away (2026.9 hyperopt_optimizer.py `prepare_hyperopt`)
            known = self._strategy.config.get("fee")
            market = self._strategy.dp.market(pair) or {}
            return float(known if known is not None else market.get("taker") or 0.0)
        return float(self._exchange.get_fee(symbol=pair, taker_or_maker="taker"))


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
