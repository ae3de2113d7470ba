"""`ManagedStrategy`: a freqtrade strategy that writes signals only; sizing, stop and targets come with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from typing import Any, NamedTuple

from freqtrade.enums import TRADE_MODES, TradingMode
from freqtrade.exceptions import DependencyException, OperationalException, TemporaryError
from freqtrade.persistence import KeyValueStore, Order, Trade
from freqtrade.strategy import IStrategy, timeframe_to_minutes, timeframe_to_prev_date
from freqtrade.strategy.informative_decorator import InformativeData
from pandas import DataFrame

from freqtrade_ext import position
from freqtrade_ext.decide import NoTrade, explain
from freqtrade_ext.decide.decision import Decision
from freqtrade_ext.decide.market_state import COLUMNS, MIN_CANDLES, MarketState, indicators, read_state
from freqtrade_ext.decide.plan import Plan, PlanError
from freqtrade_ext.decide.sizing import AccountState, Stake, size_position, trim_to_balance
from freqtrade_ext.execute.book import walk
from freqtrade_ext.execute.install import install
from freqtrade_ext.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

PREFIX = "managed_"
"""of the market state's columns in the strategy's dataframe"""

RULES: dict[str, Any] = {
    "minimal_roi": {},
    "trailing_stop": False,
    "use_custom_roi": False,
    "use_custom_stoploss": True,
    "position_adjustment_enable": True,
    "max_entry_position_adjustment": 0,
    # only until the entry has filled and the plan's own stop is set, and where there can be no plan
    "stoploss": -0.10,
}
"""What freqtrade would let a strategy or config.json say about exits gives way to the plan."""

DECIDING = ("custom_stake_amount", "custom_stoploss", "adjust_trade_position")
"""callbacks that are the plan; a strategy that has its own of these is refused"""

BOOK_DEPTH = 100
"""levels looked at before an entry; Binance weighs up to here the same"""

RETRY_SECONDS = 15
MAX_TRIES = 8
"""An exit that moves nothing is tried again after 15, 30, 60 ... s; then it waits for the next target."""

SUBPLOTS = {
    "RSI": {f"{PREFIX}rsi": {"color": "#b279a2"}},
    "MACD histogram": {f"{PREFIX}macd_hist": {"type": "bar", "color": "#72b7b2"}},
    "ADX": {f"{PREFIX}adx": {"color": "#f58518"}},
    "ATR %": {f"{PREFIX}atr_pct": {"color": "#e45756"}},
    "Regime (0 flat, 1 choppy, 2 trending)": {f"{PREFIX}regime": {"color": "#54a24b"}},
}

Callback = Callable[..., Any]


def guarded(otherwise: Any) -> Callable[[Callback], Callback]:
    """
    Turn any exception of a callback into one clear error and `otherwise`, which changes nothing.

    freqtrade swallows exceptions as well, but then goes on with its own stake (2026.9
    freqtradebot.py `get_valid_enter_price_and_stake`), and logs the traceback again in every loop.
    """

    def decorate(callback: Callback) -> Callback:
        @wraps(callback)
        def call(self: ManagedStrategy, *args: Any, **kwargs: Any) -> Any:
            try:
                return callback(self, *args, **kwargs)
            except Exception as error:
                if self._is_news((callback.__name__, kwargs.get("pair")), repr(error)):
                    logger.exception("%s failed, nothing is done: %s", callback.__name__, error)
                return otherwise

        return call

    return decorate


def given_the_trade_itself(callback: Callback) -> Callback:
    """
    Keep freqtrade from copying the trade for this callback.

    It deep-copies the trade unless the function's name says that it is its own (2026.9
    strategy/strategy_wrapper.py `strategy_safe_wrapper`); with two callbacks per candle, backtests took
    3.7 times as long. These callbacks also need the trade itself: see `position.set_stop`.
    """
    callback.__qualname__ = f"IStrategy.{callback.__name__}"
    return callback


class Attempt(NamedTuple):
    """An exit that was asked for, to notice when asking again is no use."""

    stage: int
    held: float
    tries: int
    again: datetime


class ManagedStrategy(IStrategy):
    """
    Base class of strategies: subclass it and write `populate_entry_trend` and, if wanted, exits.

    Every trade gets its size, its stop and its three targets from the market state of its pair; the
    `freqtrade_ext` section of config.json sets the numbers.
    """

    timeframe = "5m"
    stoploss = RULES["stoploss"]
    startup_candle_count: int = MIN_CANDLES
    # freqtrade looks for the parameter's name in the signature, which `guarded` hides
    _ft_stop_uses_after_fill = True

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.startup_candle_count = max(self.startup_candle_count, MIN_CANDLES)
        timeframe = config.get("timeframe") or self.timeframe
        self.state_timeframe = timeframe if timeframe_to_minutes(timeframe) > 60 else "1h"
        # as @informative does, but for a timeframe that only the instance knows
        self._ft_informative.append(
            (
                InformativeData(
                    asset="",
                    timeframe=self.state_timeframe,
                    fmt=PREFIX + "{column}",
                    ffill=True,
                    candle_type=config.get("candle_type_def"),
                    cache=False,
                ),
                ManagedStrategy.populate_market_state,
            )
        )
        if not isinstance(getattr(type(self), "plot_config", None), property):
            own: dict[str, Any] = self.plot_config
            self.plot_config = {**own, "subplots": {**SUBPLOTS, **own.get("subplots", {})}}
        self.settings = Settings()
        self.paper: Any = None
        self._decisions: dict[str, Decision] = {}
        self._plans: dict[int, Plan] = {}
        self._attempts: dict[int, Attempt] = {}
        self._stakes: dict[str, Stake] = {}
        self._recent: tuple[datetime, int, int] | None = None
        self._said: dict[Any, Any] = {}

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Put the plan in charge; freqtrade calls this once, before the first order, in trading and backtests.

        :raises OperationalException: a setting is wrong, or the strategy has callbacks of its own that
            would bypass the plan.
        """
        try:
            self.settings = Settings.from_config(self.config)
        except SettingsError as error:
            raise OperationalException(str(error)) from error
        own = [name for name in DECIDING if getattr(type(self), name) is not getattr(ManagedStrategy, name)]
        if own:
            raise OperationalException(
                f"{type(self).__name__} has its own {', '.join(own)}, which would bypass the plan: remove, "
                "or name ManagedStrategy first among its base classes."
            )
        super().ft_bot_start(**kwargs)
        limit = min(
            self.config.get("max_open_trades", self.settings.max_positions), self.settings.max_positions
        )
        rules = {**RULES, "max_open_trades": limit}
        for name, value in rules.items():
            setattr(self, name, value)
        self.config.update(rules, stake_amount="unlimited")
        self.is_trading = self.dp.runmode in TRADE_MODES
        if self.is_trading and self.config["dry_run"]:
            self.paper = install(self.dp._exchange, self.settings)

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """No exit signals of its own: the plan ends each trade. freqtrade demands the method."""
        return dataframe

    # -- market state -----------------------------------------------------------------------------

    def populate_market_state(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        return indicators(dataframe, self.settings)

    def _market_state(self, pair: str) -> MarketState:
        """:raises NoTrade: it cannot be told."""
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        names = [PREFIX + name for name in COLUMNS]
        if dataframe.empty or not set(names) <= set(dataframe.columns):
            raise NoTrade(f"market state is missing: {type(self).__name__} lost the columns {PREFIX}*")
        values = dataframe[names].iloc[-1].tolist()
        return read_state(dict(zip(COLUMNS, values, strict=True)), self.state_timeframe)

    def _account_state(self, current_time: datetime) -> AccountState:
        balance = self.wallets.get_available_stake_amount()
        if self.paper is not None:
            # freqtrade's dry-run wallet knows neither fees in other assets nor dust
            balance = min(balance, self.paper.free(self.config["stake_currency"]))
        winners, losers = self._recent_results(current_time)
        return AccountState(balance, Trade.get_open_trade_count(), winners, losers)

    def _recent_results(self, current_time: datetime) -> tuple[int, int]:
        """Count winners and losers among the last closed trades; asks the database once per candle."""
        candle = timeframe_to_prev_date(self.timeframe, current_time)
        if self._recent is None or self._recent[0] != candle:
            closed = Trade.get_trades_proxy(is_open=False)
            if Trade.use_db:
                closed = sorted(closed, key=lambda trade: trade.close_date)
            profits = [trade.close_profit or 0.0 for trade in closed[-self.settings.recent_trades :]]
            self._recent = (candle, sum(p > 0 for p in profits), sum(p < 0 for p in profits))
        return self._recent[1:]

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
        """Decide on a trade: its size, and the facts that its plan is made of. 0 is no trade."""
        is_short = side == "short"
        minimum = min_stake or 0.0
        currency = self.config["stake_currency"]
        try:
            state = self._market_state(pair)
            account = self._account_state(current_time)
            stake = size_position(account, minimum, self.settings, currency)
            if self.is_trading:
                stake = self._payable(pair, stake, account.balance, current_rate, is_short, minimum, leverage)
            decision = Decision(_ms(current_time), is_short, state, account, stake.reason)
            decision.plan(current_rate, self.settings)
        except (NoTrade, PlanError) as why:
            if self.is_trading and self._is_news(("no trade", pair), str(why)):
                logger.info("%s: no trade: %s", pair, why)
            return 0.0
        self._decisions[pair], self._stakes[pair] = decision, stake
        return stake.stake_amount

    def _payable(
        self,
        pair: str,
        stake: Stake,
        balance: float,
        rate: float,
        is_short: bool,
        minimum: float,
        leverage: float,
    ) -> Stake:
        """
        Trim the stake to what the balance pays for on the order book as it is now.

        :raises NoTrade: there is no sane book, or too little is left.
        """
        try:
            order_book = self.dp.orderbook(pair, BOOK_DEPTH)
        except (DependencyException, TemporaryError) as error:
            raise NoTrade(f"order book is not available: {error}") from error
        bids, asks = order_book["bids"], order_book["asks"]
        if not bids or not asks:
            raise NoTrade("order book is empty")
        if bids[0][0] >= asks[0][0]:
            raise NoTrade(f"order book is crossed: bid {bids[0][0]} >= ask {asks[0][0]}")
        is_futures = self.config.get("trading_mode") == TradingMode.FUTURES
        contract_size = (self.dp.market(pair) or {}).get("contractSize") or 1.0
        levels = [(level[0], level[1] * contract_size) for level in (bids if is_short else asks)]
        walked = walk(levels, stake.stake_amount * leverage / rate, "sell" if is_short else "buy")
        pays_fee = is_futures or (self.paper is not None and self.settings.fee_asset == "quote")
        fee_ratio = self.dp._exchange.get_fee(symbol=pair, taker_or_maker="taker") if pays_fee else 0.0
        return trim_to_balance(
            stake, walked.fills, rate, balance, minimum, fee_ratio, leverage, self.config["stake_currency"]
        )

    @guarded(False)
    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Explain the decision, and keep it beyond a restart, right before the order goes out."""
        decision = self._decisions.get(pair)
        if decision is None or not decision.fits(side == "short", _ms(current_time)):
            logger.error("%s: no entry without a decision on its size and plan", pair)
            return False
        if self.is_trading:
            KeyValueStore.store_value(_decision_key(pair), decision.to_text())
            plan = decision.plan(rate, self.settings)
            is_strong = decision.state.strong_trend(decision.is_short, self.settings)
            logger.info("%s %s", pair, explain.market_step(decision.state, self.state_timeframe, is_strong))
            logger.info(
                "%s %s",
                pair,
                explain.sizing_step(
                    self._stakes[pair], decision.account, plan, self.config["stake_currency"]
                ),
            )
            logger.info("%s %s", pair, explain.levels_step(plan))
        return True

    # -- the plan of a trade ------------------------------------------------------------------------

    @guarded(None)
    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        """Anchor the plan to what the entry paid; keep what happened to the order with the trade."""
        self._recent = None
        is_entry = order.ft_order_side == trade.entry_side
        if is_entry:
            self._anchor(trade)
        if not self.is_trading:
            return
        fill = (self.paper and self.paper.fill_record(order.order_id)) or position.order_record(order)
        trade.set_custom_data("fills", [*trade.get_custom_data("fills", []), fill])
        base, quote = trade.safe_base_currency, trade.safe_quote_currency
        if is_entry:
            logger.info("%s %s", pair, explain.execution_step(fill, base, quote))
            if trade.id in self._plans:
                logger.info("%s %s", pair, explain.monitoring_step(self._plans[trade.id]))
            return
        trade.set_custom_data("realized_profit", trade.realized_profit)
        logger.info("%s %s: %s", pair, order.ft_order_tag, explain.fill_text(fill, base, quote))
        if not trade.is_open:
            self._plans.pop(trade.id, None)

    def _anchor(self, trade: Trade) -> None:
        """Make the plan at the first fill of the entry; move it at each further one."""
        known = self._plan_of(trade) if trade.nr_of_successful_entries > 1 else None
        # trade ids begin anew in every epoch of hyperopt: forget what another trade has left
        self._plans.pop(trade.id, None)
        self._attempts.pop(trade.id, None)
        if known is None:
            self._plan_of(trade, is_new=True)
        else:
            self._keep(
                trade, known.anchored(position.average_entry(trade), partial(position.round_rate, trade))
            )

    def _plan_of(self, trade: Trade, is_new: bool = False) -> Plan | None:
        """
        Return the plan of a trade: from memory, from the database after a restart, or made anew.

        :return: None where the market state cannot be told; freqtrade's stop guards the trade until then.
        """
        plan = self._plans.get(trade.id)
        if plan is not None:
            return plan
        if self.is_trading and not is_new and (stored := trade.get_custom_data("plan")) is not None:
            try:
                plan = self._plans[trade.id] = Plan.from_json(stored)
            except PlanError as error:
                logger.error("%s: %s", trade.pair, error)
            else:
                logger.info("%s: plan restored: %s", trade.pair, explain.monitoring_step(plan))
                return plan
        try:
            decision = self._decision_on(trade)
            plan = decision.plan(position.average_entry(trade), self.settings)
        except (NoTrade, PlanError) as why:
            if self._is_news(("no plan", trade.pair), str(why)):
                logger.error("%s: no plan yet, the stop is at %s: %s", trade.pair, trade.stop_loss, why)
            return None
        self._keep(trade, plan.anchored(plan.entry_rate, partial(position.round_rate, trade)))
        return self._plans[trade.id]

    def _keep(self, trade: Trade, plan: Plan) -> None:
        self._plans[trade.id] = plan
        trade.set_custom_data("plan", plan.to_json())

    def _decision_on(self, trade: Trade) -> Decision:
        """
        Find the decision that a trade came of; decide anew for one that came of none.

        :raises NoTrade: the market state cannot be told.
        """
        decision = self._decisions.get(trade.pair)
        if decision is None and self.is_trading:
            decision = Decision.from_text(str(KeyValueStore.get_string_value(_decision_key(trade.pair))))
        if decision is not None and decision.fits(trade.is_short, _ms(trade.open_date_utc)):
            return decision
        logger.warning("%s: trade %s came without a plan, it gets one now", trade.pair, trade.id)
        now = datetime.now(UTC)
        account = self._account_state(now)
        before = AccountState(
            account.balance + trade.stake_amount, account.open_positions - 1, account.winners, account.losers
        )
        return Decision(_ms(now), trade.is_short, self._market_state(trade.pair), before, "taken over")

    # -- stop and targets ---------------------------------------------------------------------------

    @given_the_trade_itself
    @guarded(None)
    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> None:
        """Put the stop where the plan has it: after each fill, and at first sight after a start."""
        if not after_fill and trade.id in self._plans:
            return
        plan = self._plan_of(trade)
        if plan is None:
            return
        stop_rate = plan.stop_rate
        if self.settings.stop_after_tp == "break_even" and position.has_taken_profit(trade):
            stop_rate = plan.break_even_rate(trade.fee_open, trade.fee_close)
        position.set_stop(trade, stop_rate)

    @given_the_trade_itself
    @guarded(None)
    def adjust_trade_position(
        self,
        trade: Trade,
        current_time: datetime,
        current_exit_rate: float,
        **kwargs: Any,
    ) -> tuple[float, str] | None:
        """Sell what is due at the targets reached: minus the stake it cost, and the target's tag."""
        plan = self._plans.get(trade.id) or self._plan_of(trade)
        if plan is None:
            return None
        stage = plan.stage(current_exit_rate)
        if (not stage and len(trade.orders) == 1) or trade.has_open_orders:
            return None
        if self.is_trading and self._written_off(trade, current_exit_rate):
            return None
        stage = max(stage, position.stage_asked(trade))
        if not stage:
            return None
        least = (
            self.dp._exchange.get_min_pair_stake_amount(trade.pair, current_exit_rate, self.stoploss) or 0.0
        )
        amount = plan.due_amount(
            stage,
            position.entered_amount(trade),
            trade.amount,
            least / current_exit_rate,
            partial(position.round_amount, trade),
        )
        if not amount or not self._may_ask(trade, stage, current_time):
            return None
        return -position.stake_for(trade, amount), f"tp{stage}"

    def _may_ask(self, trade: Trade, stage: int, now: datetime) -> bool:
        """Ask at once when something has changed; ever more slowly, then no more, when it moves nothing."""
        last = self._attempts.get(trade.id)
        if last is None or (last.stage, last.held) != (stage, trade.amount):
            last = Attempt(stage, trade.amount, 0, now)
        if now < last.again or last.tries == MAX_TRIES:
            return False
        again = now + timedelta(seconds=RETRY_SECONDS * 2**last.tries)
        self._attempts[trade.id] = last._replace(tries=last.tries + 1, again=again)
        if last.tries + 1 == MAX_TRIES:
            logger.error(
                "%s: tp%s moved nothing in %s attempts, the rest waits for the next target",
                trade.pair,
                stage,
                MAX_TRIES,
            )
        return True

    def _written_off(self, trade: Trade, rate: float) -> bool:
        """Close a trade of which partial fills have left less than the exchange lets anyone sell."""
        market = self.dp.market(trade.pair)
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
        self.lock_pair(trade.pair, datetime.now(UTC), reason="Auto lock", side=trade.trade_direction)
        self._plans.pop(trade.id, None)
        return True

    # -- words --------------------------------------------------------------------------------------

    def _is_news(self, topic: Any, text: str) -> bool:
        """Tell whether this has not been said on the topic since the candle began, and note it."""
        candle = timeframe_to_prev_date(self.timeframe)
        news = self._said.get(topic) != (candle, text)
        self._said[topic] = (candle, text)
        return news


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _decision_key(pair: str) -> str:
    return f"freqtrade_ext {pair}"[:50]
