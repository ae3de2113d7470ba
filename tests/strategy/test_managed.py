"""Managed strategies in real backtests: real freqtrade, recorded candles, the replica's markets."""

import math

import pandas as pd
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade
from freqtrade.plot.plotting import generate_candlestick_graph

from freqtrade_ext.plan.market_state import COLUMNS, INDICATORS, indicators, read_state
from freqtrade_ext.plan.plan import Plan, choose_levels
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.chart import LINES
from tests.backtests import PAIR

pytestmark = pytest.mark.timeout(300)


def test_every_trade_follows_its_plan(backtest, candles):
    backtesting = backtest()
    trades = LocalTrade.bt_trades
    reasons = [trade.exit_reason for trade in trades]
    assert reasons.count("tp3") >= 2
    assert reasons.count("stop_loss") >= 2
    assert set(reasons) <= {"tp1", "tp2", "tp3", "stop_loss", "force_exit"}
    for trade in trades:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        entry, *exits = trade.orders
        assert plan.entry_rate == entry.average
        assert trade.stop_loss == pytest.approx(plan.stop_rate, rel=1e-12, abs=trade.price_precision)
        assert sum(order.filled for order in exits) == pytest.approx(entry.filled, abs=1e-12)
        tags = [order.ft_order_tag for order in exits]
        assert tags == sorted(tags, key=lambda tag: tag.startswith("tp"), reverse=True)
        for order in exits:
            if order.ft_order_tag.startswith("tp"):
                # a backtest looks at targets only at the open of a candle
                assert order.average >= plan.target_rates[int(order.ft_order_tag[2]) - 1]
            elif order.ft_order_tag == "stop_loss":
                assert order.average <= trade.stop_loss
    assert backtesting.strategy.max_open_trades <= 3


def test_chunks_are_the_shares_of_the_plan_in_whole_lots(backtest):
    backtest()
    in_steps = [
        t for t in LocalTrade.bt_trades if [o.ft_order_tag for o in t.orders[1:]] == ["tp1", "tp2", "tp3"]
    ]
    assert in_steps
    for trade in in_steps:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        lots = round(trade.orders[0].filled / trade.amount_precision)
        first, second, third = (round(order.filled / trade.amount_precision) for order in trade.orders[1:])
        assert first == math.floor(lots * plan.shares[0] / 100 + 1e-9)
        assert first + second == math.floor(lots * (plan.shares[0] + plan.shares[1]) / 100 + 1e-9)
        assert first + second + third == lots


def test_market_state_is_that_of_the_last_closed_hour(backtest, candles):
    """The plan knows the last hour that was closed when the trade was decided, and nothing later."""
    backtest()
    hours = pd.read_feather(candles / "BTC_USDT-1h.feather")
    # as far back as BreakoutStrategy asks for
    begin = pd.Timestamp("2023-03-01", tz="UTC") - pd.Timedelta(hours=400)
    assert LocalTrade.bt_trades
    for trade in LocalTrade.bt_trades:
        closed = hours["date"] + pd.Timedelta(hours=1) <= trade.open_date_utc
        known = hours[(hours["date"] >= begin) & closed].reset_index(drop=True)
        state = read_state(indicators(known, Settings()).iloc[-1][list(COLUMNS)].to_dict(), Settings(), "1h")
        plan = Plan.from_json(trade.get_custom_data("plan"))
        stop_percent, target_percents, reason = choose_levels(state, False, Settings())
        assert plan.stop_percent == pytest.approx(stop_percent, rel=1e-9)
        assert (plan.target_percents, plan.reasons[2]) == (target_percents, reason)


def test_break_even_stop_after_the_first_target(backtest):
    backtest(freqtrade_ext={"stop_after_tp": "break_even"})
    stopped = [
        trade
        for trade in LocalTrade.bt_trades
        if [order.ft_order_tag for order in trade.orders[1:]][:1] == ["tp1"]
        and trade.exit_reason == "stop_loss"
    ]
    assert stopped
    for trade in stopped:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        break_even = plan.break_even_rate(trade.fee_open, trade.fee_close)
        assert trade.stop_loss == pytest.approx(break_even, rel=1e-12, abs=trade.price_precision)
        assert trade.close_profit > 0


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_one_to_ten_targets(backtest, count):
    targets = [0.4 * number for number in range(1, count + 1)]
    shares = [100 / count] * count
    names = ("targets_strong", "targets_early", "targets_standard")
    splits = ("split_low_balance_open", "split_early", "split_strong", "split_standard")
    backtest(freqtrade_ext=dict.fromkeys(names, targets) | dict.fromkeys(splits, shares))
    tags = {o.ft_order_tag for t in LocalTrade.bt_trades for o in t.orders[1:]}
    assert tags >= {"tp1", f"tp{count}", "stop_loss"}
    assert f"tp{count + 1}" not in tags
    for trade in LocalTrade.bt_trades:
        assert len(Plan.from_json(trade.get_custom_data("plan")).target_rates) == count
        sold = sum(order.filled for order in trade.orders[1:])
        assert sold == pytest.approx(trade.orders[0].filled, abs=1e-12)


@pytest.mark.parametrize("after", ["previous", "trail"])
def test_stop_follows_after_targets(backtest, after):
    backtest(freqtrade_ext={"stop_after_tp": after, "trail_percent": 0.5})
    stopped = [t for t in LocalTrade.bt_trades if t.exit_reason == "stop_loss" and len(t.orders) > 2]
    assert stopped
    for trade in stopped:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        if after == "trail":
            expected = max(trade.max_rate * 0.995, plan.stop_rate)
        elif trade.orders[-2].ft_order_tag == "tp1":
            expected = plan.break_even_rate(trade.fee_open, trade.fee_close)
        else:
            expected = plan.target_rates[0]
        assert trade.stop_loss == pytest.approx(expected, rel=1e-12, abs=trade.price_precision)


def test_time_limit_closes_a_trade_whatever_the_strategy_says(backtest):
    backtest(freqtrade_ext={"time_limit_hours": 6})
    reasons = {trade.exit_reason for trade in LocalTrade.bt_trades}
    assert "time_limit" in reasons
    longest = max(t.close_date_utc - t.open_date_utc for t in LocalTrade.bt_trades)
    assert longest <= pd.Timedelta(hours=6, minutes=5)


def test_settings_of_the_specification_can_be_changed(backtest):
    backtest(freqtrade_ext={"min_position": 50, "max_positions": 5, "reserve": 0.5}, max_open_trades=5)
    # 500 / 5 less a half
    entry = LocalTrade.bt_trades[0].orders[0]
    assert entry.filled * entry.average == pytest.approx(50, abs=0.5)


def test_one_trade_at_a_time_has_the_whole_account(backtest, caplog):
    """`max_open_trades: 1` was sized for three."""
    backtest(max_open_trades=1)
    entry = LocalTrade.bt_trades[0].orders[0]
    assert entry.filled * entry.average == pytest.approx(450, abs=1)


def test_account_below_the_minimum_does_not_trade(backtest):
    backtest(dry_run_wallet=50)
    assert LocalTrade.bt_trades == []


def test_too_few_candles_do_not_trade(backtest):
    """The data begins on January 1st: 200 whole hours are known from January 9th, 8:00."""
    backtest(timerange="20230101-20230115")
    assert min(t.open_date_utc for t in LocalTrade.bt_trades) >= pd.Timestamp("2023-01-09 08:00", tz="UTC")


def test_wrong_setting_is_named(backtest):
    with pytest.raises(OperationalException, match=r"freqtrade_ext.reserve must be < 1, is 1.5"):
        backtest(freqtrade_ext={"reserve": 1.5})


def test_strategy_with_a_stop_of_its_own_is_refused(backtest):
    with pytest.raises(
        OperationalException, match=r"Bypassing has its own custom_stoploss, which would bypass"
    ):
        backtest("Bypassing", folder="tests/strategies")


@pytest.mark.parametrize("time_in_force", ["PO", "FOK"])
def test_a_limit_stop_that_its_time_in_force_lets_nobody_fill_is_refused_at_the_start(
    backtest, time_in_force
):
    with pytest.raises(
        OperationalException,
        match=rf"order_types.stoploss is limit and order_time_in_force.exit is {time_in_force}",
    ):
        backtest(
            order_types={
                "entry": "market",
                "exit": "market",
                "stoploss": "limit",
                "stoploss_on_exchange": False,
            },
            order_time_in_force={"entry": "GTC", "exit": time_in_force},
        )


def test_strategy_that_drops_columns_does_not_trade(backtest, caplog):
    backtest("DropsColumns", folder="tests/strategies")
    assert LocalTrade.bt_trades == []


def test_config_and_strategy_cannot_take_the_plan_s_place(backtest):
    """minimal_roi, a trailing stop, stakes and DCA give way, whoever asks for them."""
    backtesting = backtest(
        "Stubborn",
        folder="tests/strategies",
        minimal_roi={"0": 0.001},
        stake_amount=20,
        max_open_trades=-1,
        timerange="20230301-20230310",
    )
    assert backtesting.strategy.minimal_roi == {}
    assert backtesting.strategy.max_open_trades == 3
    assert LocalTrade.bt_trades
    for trade in LocalTrade.bt_trades:
        assert trade.exit_reason in {"tp1", "tp3", "stop_loss", "force_exit"}
        assert len([order for order in trade.orders if order.ft_order_side == "buy"]) == 1
        assert trade.orders[0].filled * trade.orders[0].average >= 99


def test_timeframe_longer_than_an_hour_is_its_own_market_state(backtest):
    backtesting = backtest(timeframe="1h", timerange="20230301-20230320")
    assert backtesting.strategy.manager.market_states.timeframe == "1h"
    assert LocalTrade.bt_trades


def test_the_plot_configuration_is_stop_and_targets_only(backtest):
    assert backtest(timerange="20230301-20230303").strategy.plot_config == {"main_plot": LINES}


def test_plot_dataframe_works_with_the_strategy_s_plot_configuration(backtest):
    backtesting = backtest(timerange="20230301-20230303")
    strategy, (candles, _) = backtesting.strategy, backtesting.load_bt_data()
    drawn = strategy.ft_advise_signals(strategy.advise_all_indicators(candles)[PAIR], {"pair": PAIR})
    figure = generate_candlestick_graph(PAIR, drawn, plot_config=strategy.plot_config)
    names = {trace.name for trace in figure.data}
    assert "Price" in names
    assert {f"managed_{column}" for column in (*INDICATORS, "regime")} <= set(drawn.columns)
