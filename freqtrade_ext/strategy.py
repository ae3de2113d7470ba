"""`ManagedStrategy`: a freqtrade strategy that writes signals only; sizing, stop and targets come with it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from freqtrade.enums import TRADE_MODES, TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import timeframe_to_minutes
from freqtrade.strategy.informative_decorator import InformativeData
from pandas import DataFrame

from freqtrade_ext import position
from freqtrade_ext.callbacks import News, given_the_trade_itself, guarded
from freqtrade_ext.chart import Chart
from freqtrade_ext.decide import NoTrade, explain
from freqtrade_ext.decide.attempts import MAX_TRIES, Attempt, next_attempt
from freqtrade_ext.decide.decision import Decision
from freqtrade_ext.decide.market_state import MIN_CANDLES, MarketState, indicators
from freqtrade_ext.decide.plan import Plan, PlanError
from freqtrade_ext.decide.sizing import AccountState, Stake, size_position, trim_to_balance
from freqtrade_ext.entry import (
    PREFIX,
    check_liquidation,
    last_market_state,
    opposite_levels,
    recent_results,
)
from freqtrade_ext.execute.book import walk
from freqtrade_ext.execute.install import install
from freqtrade_ext.pace import Pace
from freqtrade_ext.plans import PlanBook
from freqtrade_ext.settings import Settings, SettingsError
from freqtrade_ext.wrapping import Wrapping

logger = logging.getLogger(__name__)

RULES: dict[str, Any] = {
    "minimal_roi": {},
    "trailing_stop": False,
    "use_custom_roi": False,
    "use_custom_stoploss": True,
    "position_adjustment_enable": True,
    "max_entry_position_adjustment": 0,
    # until the entry has filled and the plan's stop is in place, and where there can be no plan
    "stoploss": -0.10,
    "stake_amount": "unlimited",
}
"""What freqtrade would let a strategy or config.json say about sizes and exits gives way to the plan."""

ROI = ("minimal_roi", "use_custom_roi")
"""rules that a strategy keeps where the setting `keep` says so"""

DECIDING = ("custom_stake_amount", "custom_stoploss", "adjust_trade_position")
"""callbacks that are the plan; a strategy that has its own of these is refused"""

RECENT_DRAWN = 50
"""closed trades that the chart shows after a restart"""

SUBPLOTS = {
    "RSI": {f"{PREFIX}rsi": {"color": "#b279a2"}},
    "MACD histogram": {f"{PREFIX}macd_hist": {"type": "bar", "color": "#72b7b2"}},
    "ADX": {f"{PREFIX}adx": {"color": "#f58518"}},
    "ATR %": {f"{PREFIX}atr_pct": {"color": "#e45756"}},
    "Regime (0 flat, 1 choppy, 2 trending)": {f"{PREFIX}regime": {"color": "#54a24b"}},
}


class ManagedStrategy(Wrapping):
    """
    Base class of strategies: subclass it and write `populate_entry_trend` and, if wanted, exits.

    Every trade gets its size, its stop and its three targets from the market state of its pair; the
    `freqtrade_ext` section of config.json sets the numbers.
    """

    stoploss = RULES["stoploss"]
    startup_candle_count: int
    can_short: bool
    paper: Any
    news: News
    plans: PlanBook
    is_trading: bool
    state_timeframe: str
    _stakes: dict[str, Stake]
    _attempts: dict[int, Attempt]

    def __init__(self, config: dict[str, Any]) -> None:
        if not hasattr(self, "timeframe"):
            # what interface version 2 called it
            self.timeframe = getattr(self, "ticker_interval", "5m")
        super().__init__(config)
        if self.can_short and config.get("trading_mode", TradingMode.SPOT) == TradingMode.SPOT:
            logger.info("%s: only its long signals count, shorts need futures", type(self).__name__)
            self.can_short = False
        self.startup_candle_count = max(self.startup_candle_count, MIN_CANDLES)
        timeframe = config.get("timeframe") or self.timeframe
        self.state_timeframe = timeframe if timeframe_to_minutes(timeframe) > 60 else "1h"
        # what @informative does, for a timeframe that only the instance knows
        informative = InformativeData(
            asset="",
            timeframe=self.state_timeframe,
            fmt=PREFIX + "{column}",
            ffill=True,
            candle_type=config.get("candle_type_def"),
            cache=False,
        )
        self._ft_informative.append((informative, ManagedStrategy.populate_market_state))
        if not isinstance(getattr(type(self), "plot_config", None), property):
            own: dict[str, Any] = getattr(self, "plot_config")  # noqa: B009  # mypy cannot tell its type
            self.plot_config = {**own, "subplots": {**SUBPLOTS, **own.get("subplots", {})}}
        self.settings = Settings()
        self.paper = None
        self.news = News(timeframe)
        self._stakes = {}
        self._attempts = {}
        # trade id -> stage and amount of which nothing is due: what is too little waits for the next target
        self._settled: dict[int, tuple[int, float]] = {}
        self._pace: Pace | None = None
        self.chart = Chart()

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
        self._rule()
        self.is_trading = self.dp.runmode in TRADE_MODES
        self.plans = PlanBook(self.is_trading)
        if self.is_trading and self.config["dry_run"]:
            self._trade_on_paper()
        if self.is_trading:
            for trade in Trade.get_trades_proxy(is_open=False)[-RECENT_DRAWN:]:
                if (plan := self.plans.restore(trade)) is not None:
                    self.chart.draw(trade, plan)

    def _rule(self) -> None:
        """Set what freqtrade reads of a strategy and of its configuration."""
        most = self.settings.max_positions
        rules = {**RULES, "max_open_trades": min(self.config.get("max_open_trades", most), most)}
        if "roi" in self.settings.keep:
            rules = {name: value for name, value in rules.items() if name not in ROI}
        for name, value in rules.items():
            setattr(self, name, value)
        self.config.update(rules)

    def _trade_on_paper(self) -> None:
        self.paper = install(self.dp._exchange, self.settings)
        feed = self.dp._exchange.feed
        self._pace = Pace(feed, self.config) if feed is not None else None
        for trade in Trade.get_open_trades():
            if position.settle(trade, self.paper.fill_record):
                logger.warning("%s: booked what the last bot was killed before booking", trade.pair)
        Trade.commit()

    def populate_market_state(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        return indicators(dataframe, self.settings)

    def analyze(self, pairs: list[str]) -> None:
        if self._pace is not None:
            self._pace.pause()
        super().analyze(pairs)

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
            account = self._account_state()
            stake = size_position(account, minimum, self.settings, currency)
            if self.is_trading:
                levels = opposite_levels(self.dp, pair, is_short)
                amount = stake.stake_amount * leverage / current_rate
                fills = walk(levels, amount, "sell" if is_short else "buy").fills
                fee = self._fee_on_top(pair)
                stake = trim_to_balance(
                    stake, fills, current_rate, account.balance, minimum, fee, leverage, currency
                )
            decision = Decision(_ms(current_time), is_short, state, account, stake.reason)
            plan = decision.plan(current_rate, self.settings)
            if self.config.get("trading_mode") == TradingMode.FUTURES:
                check_liquidation(self.dp._exchange, pair, plan, stake.stake_amount, leverage)
        except (NoTrade, PlanError) as why:
            if self.is_trading and self.news.is_new(("no trade", pair), str(why)):
                logger.info("%s: no trade: %s", pair, why)
            return 0.0
        self.plans.decide(pair, decision)
        self._stakes[pair] = stake
        return stake.stake_amount

    @guarded(False)
    def confirm_trade_entry(
        self, pair: str, rate: float, current_time: datetime, side: str, **kwargs: Any
    ) -> bool:
        """Explain the decision, and let it survive a restart, right before the order goes out."""
        decision = self.plans.decision_for(pair, side == "short", current_time)
        if decision is None:
            logger.error("%s: no entry without a decision on its size and plan", pair)
            return False
        if not super().confirm_trade_entry(
            pair=pair, rate=rate, current_time=current_time, side=side, **kwargs
        ):
            return False
        self.plans.save_decision(pair)
        if self.is_trading:
            plan = decision.plan(rate, self.settings)
            is_strong = decision.state.strong_trend(decision.is_short, self.settings)
            currency = self.config["stake_currency"]
            for step in (
                explain.market_step(decision.state, self.state_timeframe, is_strong),
                explain.sizing_step(self._stakes[pair], decision.account, plan, currency),
                explain.levels_step(plan),
            ):
                logger.info("%s %s", pair, step)
        return True

    def _market_state(self, pair: str) -> MarketState:
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        return last_market_state(dataframe, self.state_timeframe)

    def _account_state(self) -> AccountState:
        balance = self.wallets.get_available_stake_amount()
        if self.paper is not None:
            # freqtrade's dry-run wallet knows neither fees in other assets nor dust
            balance = min(balance, self.paper.free(self.config["stake_currency"]))
        winners, losers = recent_results(self.settings.recent_trades)
        return AccountState(balance, Trade.get_open_trade_count(), winners, losers)

    def _fee_on_top(self, pair: str) -> float:
        """Give the ratio of an entry's fee that is paid in stake currency, on top of the order's cost."""
        is_futures = self.config.get("trading_mode") == TradingMode.FUTURES
        if is_futures or (self.paper is not None and self.settings.fee_asset == "quote"):
            return float(self.dp._exchange.get_fee(symbol=pair, taker_or_maker="taker"))
        return 0.0

    # -- the plan of a trade ----------------------------------------------------------------------

    @given_the_trade_itself
    @guarded(None)
    def order_filled(self, pair: str, trade: Trade, order: Order, **kwargs: Any) -> None:
        """Anchor the plan to what the entry paid; keep what happened to the order with the trade."""
        is_entry = order.ft_order_side == trade.entry_side
        if is_entry:
            self._anchor(trade)
        elif self.settings.stop_after_tp == "break_even" and (plan := self._plan_of(trade)) is not None:
            self._set_stop(trade, plan)
        if self.is_trading:
            self._tell_fill(pair, trade, order, is_entry)
            self._draw(trade)
        super().order_filled(pair=pair, trade=trade, order=order, **kwargs)

    def _draw(self, trade: Trade) -> None:
        if (plan := self.plans.known(trade)) is not None:
            self.chart.draw(trade, plan)

    @guarded([])
    def plot_annotations(
        self, pair: str, start_date: datetime, end_date: datetime, dataframe: DataFrame, **kwargs: Any
    ) -> list[Any]:
        """Draw stop, entry and targets of the pair's trades; called from FreqUI's thread."""
        candle = timedelta(minutes=timeframe_to_minutes(self.timeframe))
        theirs = super().plot_annotations(
            pair=pair, start_date=start_date, end_date=end_date, dataframe=dataframe, **kwargs
        )
        return [*theirs, *self.chart.annotations(pair, start_date, end_date, candle)]

    def _tell_fill(self, pair: str, trade: Trade, order: Order, is_entry: bool) -> None:
        fill = (self.paper and self.paper.fill_record(order.order_id)) or position.order_record(order)
        trade.set_custom_data("fills", [*trade.get_custom_data("fills", []), fill])
        text = explain.fill_text(fill, trade.safe_base_currency, trade.safe_quote_currency)
        if is_entry:
            logger.info("%s 4/5 execution: %s", pair, text)
            if (plan := self.plans.known(trade)) is not None:
                logger.info("%s %s", pair, explain.monitoring_step(plan))
            return
        trade.set_custom_data("realized_profit", trade.realized_profit)
        logger.info("%s %s: %s", pair, order.ft_order_tag, text)

    def _anchor(self, trade: Trade) -> None:
        """Make the plan at the first fill of the entry; move it at each further one."""
        earlier = self._plan_of(trade) if trade.nr_of_successful_entries > 1 else None
        # ids of trades begin anew in every epoch of hyperopt: forget what another trade has left
        self.plans.forget(trade)
        self._attempts.pop(trade.id, None)
        self._settled.pop(trade.id, None)
        if earlier is None:
            self._new_plan(trade)
        else:
            self._keep(trade, earlier)

    def _plan_of(self, trade: Trade) -> Plan | None:
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

    def _new_plan(self, trade: Trade) -> Plan | None:
        try:
            decision = self.plans.decision_for(trade.pair, trade.is_short, trade.open_date_utc)
            decision = decision or self._take_over(trade)
            plan = decision.plan(trade.open_rate, self.settings)
        except (NoTrade, PlanError) as why:
            if self.news.is_new(("no plan", trade.id), str(why)):
                logger.error("%s: no plan yet, the stop is at %s: %s", trade.pair, trade.stop_loss, why)
            return None
        if self.is_trading:
            trade.set_custom_data("market_state", asdict(decision.state))
        return self._keep(trade, plan)

    def _take_over(self, trade: Trade) -> Decision:
        """
        Decide anew on a trade that came of no decision, as if it were to be opened now.

        :raises NoTrade: the market state cannot be told.
        """
        logger.warning("%s: trade %s came without a plan, it gets one now", trade.pair, trade.id)
        now = self._account_state()
        account = AccountState(
            now.balance + trade.stake_amount, now.open_positions - 1, now.winners, now.losers
        )
        state = self._market_state(trade.pair)
        return Decision(_ms(datetime.now(UTC)), trade.is_short, state, account, "taken over")

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

    # -- stop and targets -------------------------------------------------------------------------

    @given_the_trade_itself
    @guarded(None)
    def custom_stoploss(self, trade: Trade, **kwargs: Any) -> None:
        """Let no trade go without the stop of its plan: not after a restart, nor one that came without."""
        self._plan_of(trade)

    @given_the_trade_itself
    @guarded(None)
    def adjust_trade_position(
        self, trade: Trade, current_time: datetime, current_exit_rate: float, **kwargs: Any
    ) -> tuple[float, str] | None:
        """Sell what is due at the targets reached: minus the stake it cost, and the target's tag."""
        if not trade.has_open_position:
            return None
        plan = self._plan_of(trade)
        stage = plan.stage(current_exit_rate) if plan is not None else 0
        if self._pace is not None:
            self._pace.watch(trade, plan, max(stage, position.stage_asked(trade)))
        if plan is None or trade.has_open_orders:
            return None
        return self._exit_due(trade, plan, stage, current_exit_rate, current_time)

    def _exit_due(
        self, trade: Trade, plan: Plan, stage: int, rate: float, now: datetime
    ) -> tuple[float, str] | None:
        if self.is_trading and self._write_off(trade, rate):
            return None
        if not stage and len(trade.orders) == 1:
            return None
        stage = max(stage, position.stage_asked(trade))
        if not stage or self._settled.get(trade.id) == (stage, trade.amount):
            return None
        amount = self._due_amount(trade, plan, stage, rate)
        if not amount:
            self._settled[trade.id] = (stage, trade.amount)
            return None
        if not self._may_ask(trade, stage, now):
            return None
        return -position.stake_for(trade, amount), f"tp{stage}"

    def _due_amount(self, trade: Trade, plan: Plan, stage: int, rate: float) -> float:
        # freqtrade itself refuses, in silence, to leave less than this (2026.9
        # freqtradebot.py `check_and_call_adjust_trade_position`)
        least = self.dp._exchange.get_min_pair_stake_amount(trade.pair, rate, self.stoploss) or 0.0
        return plan.due_amount(
            stage,
            position.entered_amount(trade),
            trade.amount,
            least / rate,
            partial(position.round_amount, trade),
        )

    def _may_ask(self, trade: Trade, stage: int, now: datetime) -> bool:
        attempt = next_attempt(self._attempts.get(trade.id), stage, trade.amount, now)
        if attempt is None:
            return False
        self._attempts[trade.id] = attempt
        if attempt.tries == MAX_TRIES:
            logger.error(
                "%s: tp%s moved nothing so far, after this attempt it waits for the next target",
                trade.pair,
                stage,
            )
        return True

    def _write_off(self, trade: Trade, rate: float) -> bool:
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
        return True


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
