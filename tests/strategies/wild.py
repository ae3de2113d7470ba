"""Plain freqtrade strategies, each built in a way of its own, none of which knows this project."""

# ruff: noqa: RUF012  # attributes as people write them for freqtrade
from datetime import timedelta

import talib.abstract as ta
from freqtrade.persistence import Trade
from freqtrade.strategy import (
    CategoricalParameter,
    IntParameter,
    IStrategy,
    informative,
    merge_informative_pair,
)
from pandas import DataFrame


class OldInterface(IStrategy):
    """Interface version 2."""

    INTERFACE_VERSION = 2
    minimal_roi = {"40": 0.0, "0": 0.04}
    stoploss = -0.3
    timeframe = "5m"
    use_sell_signal = True
    sell_profit_only = False

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_buy_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[(dataframe["rsi"] < 30), ["buy", "buy_tag"]] = (1, "oversold")
        return dataframe

    def populate_sell_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[(dataframe["rsi"] > 75), "sell"] = 1
        return dataframe

    def custom_sell(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "long enough" if current_time - trade.open_date_utc > timedelta(hours=1) else None

    def check_buy_timeout(self, pair, trade, order, **kwargs):
        return True


class Crossing(IStrategy):
    """No `timeframe`: config.json has to say."""

    INTERFACE_VERSION = 3
    minimal_roi = {"0": 0.01}
    stoploss = -0.02
    trailing_stop = True
    trailing_stop_positive = 0.002

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["sma"] = ta.SMA(dataframe, timeperiod=50)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        crosses = (dataframe["close"] > dataframe["sma"]) & (
            dataframe["close"].shift() <= dataframe["sma"].shift()
        )
        dataframe.loc[crosses, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe


class Heir(Crossing):
    """Inherits from a strategy of the same file, and calls it."""

    timeframe = "15m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        dataframe["slow"] = ta.EMA(dataframe, timeperiod=200)
        return dataframe

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, **kwargs) -> bool:
        return super().confirm_trade_entry(pair, order_type, amount, rate, time_in_force, **kwargs)


class OtherTimeframes(Crossing):
    """Informative pairs in both ways."""

    timeframe = "5m"

    def informative_pairs(self):
        return [(pair, "1h") for pair in self.dp.current_whitelist()]

    @informative("1h")
    def populate_indicators_hourly(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    @informative("1h", "BTC/{stake}")
    def populate_indicators_of_bitcoin(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["ema"] = ta.EMA(dataframe, timeperiod=20)
        return dataframe

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        hours = self.dp.get_pair_dataframe(metadata["pair"], "1h")
        hours["roc"] = ta.ROC(hours, timeperiod=5)
        return merge_informative_pair(dataframe, hours[["date", "roc"]], self.timeframe, "1h", ffill=True)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        rises = (dataframe["roc_1h"] > 0) & (dataframe["close"] > dataframe["btc_usdt_ema_1h"])
        dataframe.loc[rises & (dataframe["rsi_1h"] < 60), "enter_long"] = 1
        return dataframe


class OwnStop(Crossing):
    """A stop of its own, remembered in the class."""

    timeframe = "5m"
    use_custom_stoploss = True
    custom_info = {}

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["sar"] = ta.SAR(dataframe)
        self.custom_info[metadata["pair"]] = dataframe[["date", "sar"]].copy().set_index("date")
        return super().populate_indicators(dataframe, metadata)

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        return dataframe.iloc[-1]["sar"] / current_rate - 1


class Averaging(Crossing):
    """Buys more of what falls."""

    timeframe = "5m"
    position_adjustment_enable = True
    max_entry_position_adjustment = 3

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, **kwargs):
        return proposed_stake / 4

    def adjust_trade_position(self, trade: Trade, current_time, current_rate, current_profit, **kwargs):
        return trade.stake_amount if current_profit < -0.001 else None


class Falling(Crossing):
    """Shorts only."""

    timeframe = "5m"
    can_short = True

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] < dataframe["sma"], ["enter_short", "enter_tag"]] = (1, "falls")
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, side, **kwargs):
        return 3.0


class Reckless(Falling):
    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage, side, **kwargs):
        return 100.0


class Forecasting(Crossing):
    """FreqAI's hooks, with a model that is none."""

    timeframe = "5m"

    def load_freqAI_model(self):
        class Model:
            def start(self, dataframe, metadata, strategy):
                dataframe = strategy.feature_engineering_standard(dataframe, metadata)
                dataframe = strategy.set_freqai_targets(dataframe, metadata)
                return dataframe.assign(do_predict=1, prediction=dataframe["%-momentum"])

            def shutdown(self):
                pass

        self.freqai = Model()

    def feature_engineering_standard(self, dataframe: DataFrame, metadata: dict, **kwargs) -> DataFrame:
        dataframe["%-momentum"] = ta.MOM(dataframe, timeperiod=12)
        return dataframe

    def set_freqai_targets(self, dataframe: DataFrame, metadata: dict, **kwargs) -> DataFrame:
        dataframe["&-ahead"] = dataframe["close"].pct_change()
        return dataframe

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return self.freqai.start(dataframe, metadata, self)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[(dataframe["do_predict"] == 1) & (dataframe["prediction"] > 50), "enter_long"] = 1
        return dataframe


class Painted(Crossing):
    """Plots and protections made at run time."""

    timeframe = "5m"

    @property
    def plot_config(self):
        return {"main_plot": {"sma": {"color": "white"}}}

    @property
    def protections(self):
        return [{"method": "CooldownPeriod", "stop_duration_candles": 36}]


class Ruled(Crossing):
    """Rules made at run time, and names of its own."""

    timeframe = "5m"
    plot_config = None
    trailing_stop = property(lambda self: True)
    use_custom_stoploss = property(lambda self: False)
    position_adjustment_enable = property(lambda self: False)
    max_entry_position_adjustment = property(lambda self: 2)

    def _rule(self):
        raise AssertionError

    def set_rules(self):
        raise AssertionError


class Prepared(Crossing):
    """State made at the start, used in callbacks, which call freqtrade's own."""

    timeframe = "5m"
    settings_of_mine = {"wait": 2}

    def __init__(self, config: dict) -> None:
        super().__init__(config)
        self.asked, self.filled = [], []

    def bot_start(self, **kwargs) -> None:
        self.started = True
        super().bot_start(**kwargs)

    def bot_loop_start(self, current_time, **kwargs) -> None:
        super().bot_loop_start(current_time, **kwargs)

    def confirm_trade_entry(self, pair, *args, **kwargs) -> bool:
        self.asked.append(pair)
        # every second one
        return self.started and len(self.asked) % 2 == 1

    def order_filled(self, pair, trade, order, current_time, **kwargs) -> None:
        self.filled.append(order.ft_order_tag)

    def confirm_trade_exit(self, pair, trade, *args, **kwargs) -> bool:
        return False


class Forgetful(Crossing):
    """Makes a dataframe of its own."""

    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        self.given = list(dataframe.columns)
        own = dataframe[["date", "open", "high", "low", "close", "volume"]].copy()
        own["sma"] = own["close"].rolling(50).mean()
        return own.fillna(0)


class Indexed(Crossing):
    """The date is its index as well."""

    timeframe = "5m"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.index = dataframe["date"]
        return super().populate_indicators(dataframe, metadata)

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe.index.minute == 30, "enter_long"] = 1
        return dataframe


class Tunable(Crossing):
    """Hyperopt parameters."""

    timeframe = "5m"
    buy_params = {"buy_rsi": 35}
    buy_rsi = IntParameter(20, 40, default=30, space="buy")
    buy_averaged = CategoricalParameter([True, False], default=False, space="buy")
    cooldown = IntParameter(1, 20, default=5, space="protection")

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["rsi"] < self.buy_rsi.value, "enter_long"] = 1
        return dataframe


class Daily(Crossing):
    """Longer than the hour of the market state."""

    timeframe = "1d"
    startup_candle_count = 30


class Minutes(Crossing):
    timeframe = "1m"
    startup_candle_count = 400


class Leaving(Crossing):
    """Exits of its own, of every kind."""

    timeframe = "5m"
    use_custom_roi = True

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] < dataframe["sma"] * 0.997, ["exit_long", "exit_tag"]] = (1, "under")
        return dataframe

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        trade.open_rate = 1.0  # a copy is theirs to spoil
        return "too long" if current_time - trade.open_date_utc > timedelta(hours=2) else None

    def custom_roi(self, pair, trade, current_time, trade_duration, entry_tag, side, **kwargs):
        return 0.003


class Signals(IStrategy):
    """Enters always."""

    timeframe = "5m"
    stoploss = -0.1

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe[["enter_long", "enter_tag"]] = (1, "always")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe


class DailySignals(Signals):
    timeframe = "1d"
    startup_candle_count = 30


class Wilful(Signals):
    """Would itself buy for 11, stop, average and leave in every loop."""

    stoploss = -0.001
    minimal_roi = {"0": -1}
    trailing_stop = True
    trailing_stop_positive = 0.0001
    use_custom_stoploss = True
    use_custom_roi = True
    position_adjustment_enable = True
    order_types = {"entry": "limit", "exit": "limit", "stoploss": "limit", "stoploss_on_exchange": True}

    def custom_stake_amount(self, *args, **kwargs):
        return 11

    def custom_stoploss(self, *args, **kwargs):
        return -0.0001

    def adjust_trade_position(self, *args, **kwargs):
        return 30

    def custom_roi(self, *args, **kwargs):
        return -1

    def custom_exit(self, *args, **kwargs):
        return "now"

    def confirm_trade_exit(self, *args, **kwargs) -> bool:
        return False

    def order_filled(self, pair, trade, order, current_time, **kwargs) -> None:
        trade.set_custom_data("seen", [*trade.get_custom_data("seen", []), order.ft_order_side])


class Ladder(Signals):
    """Buys more where it falls, sells a third where it rises, the rest by ROI; all by limit orders."""

    stoploss = -0.2
    minimal_roi = {"0": 0.02}
    position_adjustment_enable = True

    def custom_stake_amount(self, proposed_stake, **kwargs):
        return 60

    def custom_entry_price(self, proposed_rate, **kwargs):
        return round(proposed_rate * 1.001, 2)

    def adjust_trade_position(self, trade, current_profit, **kwargs):
        if current_profit < -0.01 and trade.nr_of_successful_entries == 1:
            return 60, "lower"
        if current_profit > 0.005 and trade.nr_of_successful_exits == 0:
            return -trade.stake_amount / 3, "third"
        return None


class Runner(Signals):
    """Trails what is left, and buys more where it falls."""

    trailing_stop = True
    trailing_stop_positive = 0.004
    position_adjustment_enable = True
    max_entry_position_adjustment = 2

    def adjust_trade_position(self, trade, current_profit, **kwargs):
        entries = trade.nr_of_successful_entries
        return (500, f"more {entries}") if current_profit < -0.002 * entries else None


class Everything(Wilful):
    """Goes through every door at once that leads round the plan."""

    custom_roi = None
    max_entry_position_adjustment = 9
    trailing_stop_positive_offset = 0.0001
    unheard_of = 1

    def _undo(self):
        self.stoploss = -0.0001
        self.minimal_roi = {0: -1}
        self.trailing_stop = True
        self.trailing_stop_positive = 0.0001
        self.trailing_only_offset_is_reached = False
        self.use_custom_stoploss = False
        self.position_adjustment_enable = False
        self.max_entry_position_adjustment = 9
        self.stake_amount = 11
        self.max_open_trades = 50
        self.config["stake_amount"] = 11

    def bot_start(self, **kwargs):
        self._undo()

    def bot_loop_start(self, current_time, **kwargs):
        self._undo()

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        self._undo()
        return super().populate_indicators(dataframe, metadata)

    def min_roi_reached(self, trade, current_profit, current_time):
        return self.minimal_roi[7] < current_profit

    def min_roi_reached_entry(self, trade, trade_dur, current_time):
        return 0, -1

    def should_exit(self, *args, **kwargs):
        raise KeyError("of should_exit")

    def ft_stoploss_adjust(self, *args, **kwargs):
        raise KeyError("of ft_stoploss_adjust")

    def ft_stoploss_reached(self, *args, **kwargs):
        raise KeyError("of ft_stoploss_reached")

    def _adjust_trade_position_internal(self, *args, **kwargs):
        return 30, "more"

    def ft_check_timed_out(self, *args, **kwargs):
        return True

    def check_exit_timeout(self, *args, **kwargs):
        return True

    def confirm_trade_entry(self, *args, **kwargs):
        raise KeyError("of confirm_trade_entry")

    def custom_exit_price(self, proposed_rate, **kwargs):
        return proposed_rate * 1.01

    def adjust_entry_price(self, current_order_rate, **kwargs):
        return current_order_rate

    def adjust_exit_price(self, current_order_rate, **kwargs):
        return current_order_rate * 1.01

    def order_filled(self, pair, trade, order, current_time, **kwargs):
        trade.stop_loss = 1.0
        raise ValueError("of order_filled")


class Adjusting(Everything):
    """By the one callback that freqtrade takes in place of the two."""

    adjust_entry_price = IStrategy.adjust_entry_price
    adjust_exit_price = IStrategy.adjust_exit_price

    def adjust_order_price(self, current_order_rate, is_entry, **kwargs):
        return current_order_rate if is_entry else current_order_rate * 1.01


class FirstInterface(IStrategy):
    """Version 1, which freqtrade gave up."""

    timeframe = "5m"
    stoploss = -0.1

    def populate_indicators(self, dataframe: DataFrame) -> DataFrame:
        return dataframe

    def populate_buy_trend(self, dataframe: DataFrame) -> DataFrame:
        return dataframe

    def populate_sell_trend(self, dataframe: DataFrame) -> DataFrame:
        return dataframe


class SameNames(Crossing):
    timeframe = "5m"
    manager = "mine"


class CountsByRule(Crossing):
    timeframe = "5m"
    most = 250

    @property
    def startup_candle_count(self):
        return self.most


class NoStrategy:
    pass
