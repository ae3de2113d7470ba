"""`ManagedStrategy`: a freqtrade strategy that writes signals only; sizing, stop and targets come with it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.constants import ListPairsWithTimeframes
from freqtrade.enums import TRADE_MODES, ExitCheckTuple, ExitType, RunMode, TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy, timeframe_to_minutes
from pandas import DataFrame

from freqtrade_ext.feed.feed import Feed
from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.market_name import name_market
from freqtrade_ext.paper.stock import exchange_of
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.market_state import MIN_CANDLES
from freqtrade_ext.plan.plan import PlanError
from freqtrade_ext.settings import Settings, SettingsError
from freqtrade_ext.strategy.callbacks import given_the_trade_itself, guarded
from freqtrade_ext.strategy.chart import LINES
from freqtrade_ext.strategy.left_behind import sell_along
from freqtrade_ext.strategy.manager import Manager
from freqtrade_ext.strategy.market_states import state_timeframe
from freqtrade_ext.strategy.pace import Pace
from freqtrade_ext.strategy.repeats import quieten
from freqtrade_ext.strategy.start import in_stake_currency, tell_large_lots
from freqtrade_ext.strategy.tuning import add_parameters, tuned
from freqtrade_ext.strategy.wrapped import Wrapping

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

FORCED = "force_entry"
"""entry tag of what a person asked for (2026.9 rpc/rpc.py `_rpc_force_entry`), who is always told why not"""

STOPS = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP_LOSS)


class ManagedStrategy(Wrapping):
    """
    Base class of strategies: subclass it and write `populate_entry_trend` and, if wanted, exits.

    Every trade gets its size, its stop and its three targets from the market state of its pair; the
    `freqtrade_ext` section of config.json sets the numbers. All that this class adds to freqtrade's own is in
    `manager`, so that it shares no other name with the strategies it wraps.
    """

    # even where the wrapped strategy has a property of the name
    stoploss = RULES["stoploss"]
    trailing_stop = RULES["trailing_stop"]
    use_custom_stoploss = RULES["use_custom_stoploss"]
    position_adjustment_enable = RULES["position_adjustment_enable"]
    max_entry_position_adjustment = RULES["max_entry_position_adjustment"]
    startup_candle_count: int
    can_short: bool

    def __init__(self, config: dict[str, Any]) -> None:
        if not hasattr(self, "timeframe"):
            # what interface version 2 called it
            self.timeframe = getattr(self, "ticker_interval", "5m")
        super().__init__(config)
        if "manager" in vars(self):
            raise OperationalException(
                f"{type(self).__name__} sets self.manager, which ManagedStrategy uses: rename it"
            )
        if isinstance(getattr(type(self), "startup_candle_count", None), property):
            raise OperationalException(
                f"{type(self).__name__} has a property startup_candle_count, which ManagedStrategy raises "
                f"to {MIN_CANDLES} at least: make it an attribute"
            )
        if self.can_short and config.get("trading_mode", TradingMode.SPOT) == TradingMode.SPOT:
            logger.info("%s: only its long signals count, shorts need futures", type(self).__name__)
            self.can_short = False
        self.startup_candle_count = max(self.startup_candle_count, MIN_CANDLES)
        if not isinstance(getattr(type(self), "plot_config", None), property):
            own: dict[str, Any] = getattr(self, "plot_config") or {}  # noqa: B009  # mypy cannot tell its type
            self.plot_config = {**own, "main_plot": {**LINES, **own.get("main_plot", {})}}

    def ft_bot_start(self, **kwargs: Any) -> None:
        """
        Put the plan in charge; freqtrade calls this once, before the first order, in trading and backtests.

        :raises OperationalException: a setting is wrong, the stop's orders could never be filled, or the
            strategy has callbacks of its own that would bypass the plan.
        """
        own = [name for name in DECIDING if getattr(type(self), name) is not getattr(ManagedStrategy, name)]
        if own:
            raise OperationalException(
                f"{type(self).__name__} has its own {', '.join(own)}, which would bypass the plan: remove, "
                "or name ManagedStrategy first among its base classes."
            )
        try:
            settings = in_stake_currency(self, Settings.from_config(self.config))
            add_parameters(self, settings)
            super().ft_bot_start(**kwargs)
            settings = tuned(self, settings)
        except SettingsError as error:
            raise OperationalException(str(error)) from error
        check_stop_orders(self)
        # freqtrade's own limit is infinite where config.json has -1
        most = min(self.config.get("max_open_trades", settings.max_positions), settings.max_positions)
        settings = replace(settings, max_positions=int(most))
        set_rules(self, settings)
        exchange, is_trading = exchange_of(self), self.dp.runmode in TRADE_MODES
        paper = install(exchange, settings, self.wallets) if is_trading else None
        self.manager = Manager(self, settings, exchange, paper)
        if is_trading:
            start_trading(self, exchange.feed if paper is not None else None)

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
        timeframe, kind = state_timeframe(self.timeframe), self.config["candle_type_def"]
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
        if not super().confirm_trade_entry(
            pair=pair, rate=rate, current_time=current_time, side=side, **kwargs
        ):
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
        super().order_filled(pair=pair, trade=trade, order=order, **kwargs)

    @given_the_trade_itself
    @guarded(None)
    def custom_stoploss(self, trade: Trade, **kwargs: Any) -> None:
        """Let no trade go without the stop of its plan: not after a restart, nor one that came without."""
        self.manager.plan_of(trade)

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
        """Sell what is due at the targets reached: minus the stake it cost, and the target's tag."""
        due = self.manager.exit_due(trade, current_exit_rate, current_time)
        if self.manager.is_trading:
            self.manager.status.see(trade, self.manager.plans.known(trade), current_exit_rate)
        return due

    @guarded([])
    def plot_annotations(
        self, pair: str, start_date: datetime, end_date: datetime, dataframe: DataFrame, **kwargs: Any
    ) -> list[Any]:
        """Draw stop, entry and targets of the pair's trades; called from FreqUI's thread."""
        candle = timedelta(minutes=timeframe_to_minutes(self.timeframe))
        theirs = super().plot_annotations(
            pair=pair, start_date=start_date, end_date=end_date, dataframe=dataframe, **kwargs
        )
        # FreqUI gets this very dataframe (2026.9 rpc/rpc.py `_rpc_analysed_dataframe`)
        return [*theirs, *self.manager.chart.annotations(pair, dataframe, candle)]


def start_trading(strategy: ManagedStrategy, feed: Feed | None) -> None:
    """Do what a bot does once at its start: take up what the last one left, and wait by the live feed."""
    name_market(strategy.config)
    quieten()
    strategy.manager.chart.follow_deletions()
    strategy.manager.settle_kills()
    strategy.manager.draw_recent()
    tell_large_lots(strategy, strategy.manager.settings)
    if feed is not None:
        strategy.manager.pace = Pace(feed, strategy.config)


def set_rules(strategy: IStrategy, settings: Settings) -> None:
    """Set what freqtrade reads of a strategy and of its configuration."""
    rules = {**RULES, "max_open_trades": settings.max_positions}
    if "roi" in settings.keep:
        rules = {name: value for name, value in rules.items() if name not in ROI}
    for name, value in rules.items():
        setattr(strategy, name, value)
    strategy.config.update(rules)


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
