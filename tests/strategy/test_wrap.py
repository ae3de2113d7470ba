"""Strategies of other people, unedited, in real backtests under the plan."""

import logging
import shutil
from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade
from freqtrade.resolvers import StrategyResolver

from freqtrade_ext import ManagedStrategy
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy.wrap import find_class
from tests.backtests import write_longer
from tests.bot_process import ROOT

pytestmark = pytest.mark.timeout(300)

PLANNED = {"tp1", "tp2", "tp3", "stop_loss", "force_exit"}


@pytest.fixture
def run(backtest, tmp_path):
    """Backtest a strategy of tests/strategies/wild.py through `--strategy Managed`."""
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path / "strategies")

    def run(name, keep=("exit_signal",), timerange="20230301-20230304", **changes):
        managed = {"strategy": name, "keep": list(keep)}
        backtesting = backtest("Managed", timerange=timerange, freqtrade_ext=managed, **changes)
        return backtesting.strategy

    return run


def trades():
    """The trades of the last backtest, each with its plan; there are some."""
    assert LocalTrade.bt_trades
    return [(trade, Plan.from_json(trade.get_custom_data("plan"))) for trade in LocalTrade.bt_trades]


def check_planned():
    """Size, stop and exits are the plan's alone, whatever the strategy has of its own."""
    for trade, plan in trades():
        assert trade.exit_reason in PLANNED
        entries = [order for order in trade.orders if order.ft_order_side == trade.entry_side]
        assert len(entries) == 1
        assert trade.stop_loss == pytest.approx(plan.stop_rate, rel=1e-12, abs=trade.price_precision)
        assert plan.entry_rate == entries[0].average
        assert trade.max_stake_amount >= 99.9


@pytest.mark.parametrize(
    "name",
    ["OwnStop", "Averaging", "Forecasting", "Painted", "Ruled", "Forgetful", "Indexed", "Heir", "Leaving"],
)
def test_its_own_stake_stop_and_targets_give_way(run, name):
    strategy = run(name, keep=[])
    check_planned()
    assert isinstance(strategy, ManagedStrategy)
    assert type(strategy).__name__ == name


@pytest.mark.parametrize("name", ["Everything", "Adjusting"])
@pytest.mark.parametrize("orders", ["market", "limit"])
def test_no_door_leads_round_the_plan(run, caplog, name, orders):
    """Rules set in callbacks, freqtrade's own methods, prices, timeouts, exceptions: all at once."""
    types = {"entry": orders, "exit": orders, "stoploss": orders, "stoploss_on_exchange": False}
    run("Signals", order_types=types)
    of_signals_alone = [(str(trade), trade.close_date, trade.close_profit_abs) for trade, _ in trades()]
    strategy = run(name, order_types=types)
    check_planned()
    assert [(str(t), t.close_date, t.close_profit_abs) for t, _ in trades()] == of_signals_alone
    assert {order.ft_order_tag for trade, _ in trades() for order in trade.orders} >= {"tp1", "stop_loss"}
    assert (strategy.minimal_roi, strategy.stoploss, strategy.trailing_stop) == ({}, -0.10, False)
    assert "Everything.confirm_trade_entry: " in caplog.text
    assert (
        f"{name} sets stoploss to -0.0001, which does not count under the plan: it stays -0.1" in caplog.text
    )


def test_it_keeps_its_trailing_stop_for_what_the_last_target_would_sell(run):
    run("Runner", keep=["trailing"], timerange="20230301-20230315")
    ran = [(t, p) for t, p in trades() if t.max_rate >= p.target_rates[-1] and t.exit_reason == "stop_loss"]
    assert ran
    for trade, plan in ran:
        assert trade.stop_loss == pytest.approx(trade.max_rate * 0.996, rel=1e-12, abs=trade.price_precision)
        assert trade.stop_loss > plan.entry_rate
    assert "tp3" not in {order.ft_order_tag for trade, _ in trades() for order in trade.orders}


def test_it_keeps_averaging_down_within_sizing_and_one_plan_moves_along(run):
    strategy = run("Runner", keep=["adjust_trade_position"])
    added = [(t, p) for t, p in trades() if len([o for o in t.orders if o.ft_order_side == "buy"]) > 1]
    assert added
    for trade, plan in added:
        entries = [order for order in trade.orders if order.ft_order_side == "buy"]
        assert [o.ft_order_tag for o in entries[1:]] == [f"more {n}" for n in range(1, len(entries))]
        # not 500, but what a position of its own would get: 150 of 500, and of what was won since
        assert max(order.filled * order.average for order in entries) < 155
        assert trade.exit_reason in PLANNED
        cost = sum(order.filled * order.average for order in entries)
        assert plan.entry_rate == pytest.approx(cost / sum(o.filled for o in entries), rel=1e-3)
        assert trade.stop_loss == pytest.approx(plan.stop_rate, rel=1e-12, abs=trade.price_precision)
    assert strategy.max_entry_position_adjustment == 2
    assert max(len([o for o in t.orders if o.ft_order_side == "buy"]) for t, _ in added) <= 3


def test_old_interface(run):
    run("OldInterface", timerange="20230301-20230308")
    reasons = {trade.exit_reason for trade, _ in trades()}
    assert "exit_signal" in reasons
    assert reasons <= PLANNED | {"exit_signal"}


def test_old_interface_keeps_custom_sell_on_demand(run):
    run("OldInterface", keep=["custom_exit"])
    assert "long enough" in {trade.exit_reason for trade, _ in trades()}


def test_timeframe_comes_of_the_configuration_where_the_strategy_has_none(run):
    assert run("Crossing", timeframe="15m").timeframe == "15m"
    check_planned()


def test_strategy_without_timeframe_is_refused_as_by_stock_freqtrade(run):
    with pytest.raises(OperationalException, match="Crossing has no timeframe: set it there"):
        run("Crossing")


def test_startup_candle_count_that_is_a_property_is_raised(run):
    strategy = run("CountsByRule")
    assert strategy.startup_candle_count == 250
    strategy.most = 50
    assert strategy.startup_candle_count == 200


def test_informative_pairs_of_both_kinds(run):
    strategy = run("OtherTimeframes")
    check_planned()
    wanted = {(pair, timeframe) for pair, timeframe, _ in strategy.gather_informative_pairs()}
    assert wanted == {("BTC/USDT", "1h")}


def test_market_state_does_not_reach_what_wrapped_strategies_compute(run):
    """Its missing values at the beginning would change what `dropna` and `fillna` do."""
    strategy = run("Forgetful", timerange="20230301-20230303")
    assert not [column for column in strategy.given if column.startswith("managed_")]
    assert trades()


def test_protections_and_plots_stay(run):
    strategy = run("Painted", enable_protections=True)
    assert strategy.plot_config == {"main_plot": {"sma": {"color": "white"}}}
    closed = sorted(LocalTrade.bt_trades, key=lambda trade: trade.open_date)
    for earlier, later in pairwise(closed):
        assert later.open_date - earlier.close_date >= timedelta(hours=2, minutes=55)


def test_hyperopt_parameters_stay(run):
    strategy = run("Tunable")
    check_planned()
    assert strategy.buy_rsi.value == 35
    assert {name for name, _ in strategy.enumerate_parameters()} == {"buy_rsi", "buy_averaged", "cooldown"}


def test_parameters_of_a_hyperopt_run_are_found_beside_the_wrapped_file(run, tmp_path):
    (tmp_path / "strategies" / "wild.json").write_text(
        '{"strategy_name": "Tunable", "params": {"buy": {"buy_rsi": 21}, "stoploss": {"stoploss": -0.9}}}'
    )
    strategy = run("Tunable")
    assert strategy.buy_rsi.value == 21
    assert strategy.stoploss == -0.10


def test_state_made_at_start_and_callbacks_of_its_own(run):
    """It takes every second entry and is told of fills; exits of the plan it cannot hold back."""
    strategy = run("Prepared", timerange="20230301-20230308")
    check_planned()
    assert len(strategy.asked) // 2 <= len(trades()) <= len(strategy.asked) // 2 + 1
    assert strategy.filled.count("tp1") == sum(
        order.ft_order_tag == "tp1" for trade, _ in trades() for order in trade.orders
    )
    assert strategy.filled.count("tp1") > 0


@pytest.mark.parametrize(
    ("keep", "reason"), [("exit_signal", "under"), ("custom_exit", "too long"), ("roi", "roi")]
)
def test_it_keeps_what_the_setting_says(run, keep, reason):
    run("Leaving", keep=[keep])
    reasons = {trade.exit_reason for trade, _ in trades()}
    assert reason in reasons
    assert reasons <= PLANNED | {reason}


def test_it_says_what_gives_way(run, caplog):
    with caplog.at_level(logging.INFO, "freqtrade_ext"):
        run("OwnStop")
    assert (
        "OwnStop runs by plan: it keeps exit_signal; stake, stop and targets are the plan's, not its own "
        "custom_stoploss, minimal_roi, stoploss, trailing_stop, trailing_stop_positive, use_custom_stoploss"
    ) in caplog.text
    assert "do not run" not in caplog.text
    assert "averaging down" not in caplog.text


def test_it_says_which_exits_of_a_strategy_do_not_run_and_how_to_keep_them(run, caplog):
    run("OldInterface")
    assert (
        'OldInterface: its own exits (custom_sell) do not run; keep them with "keep": '
        '["exit_signal", "custom_exit"]'
    ) in caplog.text


def test_it_says_that_averaging_down_is_off(run, caplog):
    run("Averaging")
    assert (
        "Averaging: averaging down is off: 2 of its callbacks are not used (adjust_trade_position, "
        "custom_stake_amount); `--strategy Paper` runs it as it is"
    ) in caplog.text


def test_it_says_what_of_the_configuration_does_not_count_and_freqtrade_says_nothing_else(run, caplog):
    with caplog.at_level(logging.INFO, "freqtrade"):
        run("Averaging", minimal_roi={"0": 0.001}, stake_amount=20)
    assert "minimal_roi {'0': 0.001} of the configuration does not count: by the plan it is {}" in caplog.text
    assert "stake_amount 20 of the configuration does not count" in caplog.text
    assert "Strategy using minimal_roi: {}" in caplog.text
    assert "Override strategy 'minimal_roi'" not in caplog.text


def test_longer_timeframe_than_the_hour(run, tmp_path, shared_data):
    hours = pd.read_feather(shared_data / "klines" / "nic_MIT" / "BTC_USDT-1h.feather")
    days = hours.set_index("date").resample("1D")
    days = days.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    days.reset_index().to_feather(tmp_path / "BTC_USDT-1d.feather")
    strategy = run("Daily", timerange="20190101-20200101", datadir=tmp_path)
    assert strategy.manager.market_states.timeframe == "1d"
    check_planned()


def test_market_state_of_another_timeframe_than_the_strategy_s(backtest, run, tmp_path, shared_data):
    """A few months of daily candles are too few for a market state of these; the hours in them are not."""
    hours = pd.read_feather(shared_data / "klines" / "nic_MIT" / "BTC_USDT-1h.feather")
    hours = hours[(hours["date"] >= "2019-01-01") & (hours["date"] < "2019-05-01")].reset_index(drop=True)
    hours.to_feather(tmp_path / "BTC_USDT-1h.feather")
    write_longer(hours, "1D", tmp_path)
    (tmp_path / "BTC_USDT-1D.feather").rename(tmp_path / "BTC_USDT-1d.feather")
    settings = {"strategy": "DailySignals", "state_timeframe": "1h"}
    strategy = backtest(
        "Managed", timerange="20190301-20190430", datadir=tmp_path, freqtrade_ext=settings
    ).strategy
    assert (strategy.manager.market_states.timeframe, strategy.startup_candle_count) == ("1h", 30)
    check_planned()


def test_minutes(run, tmp_path, shared_data):
    minutes = pd.read_feather(shared_data / "klines" / "mintanam_nolicence" / "BTC_USDT-1m.feather")
    minutes.to_feather(tmp_path / "BTC_USDT-1m.feather")
    hours = minutes.set_index("date").resample("1h")
    hours = hours.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    hours.reset_index().to_feather(tmp_path / "BTC_USDT-1h.feather")
    strategy = run("Minutes", timerange="20240806-20240809", datadir=tmp_path)
    assert strategy.startup_candle_count == 400
    check_planned()


def test_managed_and_as_it_is_in_one_list(run, backtest):
    """Results have the names that freqtrade was given: it plots them by these."""
    lone = run("Crossing", timeframe="5m").get_strategy_name()
    managed = len(LocalTrade.bt_trades)
    backtesting = backtest(
        strategy_list=["Managed", "Crossing"],
        timeframe="5m",
        timerange="20230301-20230304",
        freqtrade_ext={"strategy": "Crossing"},
    )
    results = backtesting.results["strategy"]
    assert (lone, list(results)) == ("Managed", ["Managed", "Crossing"])
    assert len(results["Managed"]["trades"]) == managed
    assert "trailing_stop_loss" in {trade["exit_reason"] for trade in results["Crossing"]["trades"]}


def test_by_inheritance(backtest, tmp_path):
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "tests" / "strategies" / "wild.py", tmp_path / "strategies")
    (tmp_path / "strategies" / "mine.py").write_text(
        "from freqtrade_ext import ManagedStrategy\n"
        "from wild import Leaving\n\n"
        "class Mine(ManagedStrategy, Leaving):\n"
        "    pass\n"
    )
    backtest("Mine", timerange="20230301-20230304")
    assert {trade.exit_reason for trade, _ in trades()} <= PLANNED | {"under"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("FirstInterface", "freqtrade no longer runs interface version 1"),
        ("SameNames", "ManagedStrategy uses manager itself"),
        ("NoStrategy", "neither a freqtrade strategy nor has it generate_signal"),
        ("Nobody", "no file in .* defines this class"),
        ("Managed", "must name the strategy that Managed wraps, is Managed"),
        (None, "freqtrade_ext.strategy must name the strategy that Managed wraps"),
    ],
)
def test_what_cannot_be_managed_is_refused_with_the_reason(run, name, reason):
    with pytest.raises(OperationalException, match=reason):
        run(name)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("{}['key']", "KeyError: 'key'"),
        ("pass", "it has no such class once it is run"),
    ],
)
def test_file_that_cannot_be_imported_is_named_with_the_reason(tmp_path, line, reason):
    """The reason was in a warning before it, which doctor does not show, or a traceback of 40 lines."""
    (tmp_path / "strategies").mkdir()
    file = tmp_path / "strategies" / "broken.py"
    file.write_text(f"{line}\n\n\nclass Broken:\n    pass\n\n\ndel Broken\n")
    with pytest.raises(OperationalException) as refused:
        find_class("Broken", {"user_data_dir": tmp_path})
    assert str(refused.value).endswith(f"{file} cannot be imported: {reason}")


def test_a_dangling_link_or_an_unreadable_file_among_strategies_is_skipped(run, tmp_path, caplog):
    folder = tmp_path / "strategies"
    (folder / "a_link.py").symlink_to(tmp_path / "nowhere.py")
    (folder / "a_folder.py").mkdir()
    (folder / "a_latin.py").write_bytes(b"# \xe9\n")
    assert type(run("OwnStop")).__name__ == "OwnStop"
    for name in ("a_link.py", "a_folder.py", "a_latin.py"):
        assert f"{name} is skipped" in caplog.text


def test_short_signals_do_not_count_on_spot(run, caplog):
    with caplog.at_level(logging.INFO, "freqtrade_ext"):
        strategy = run("Falling")
    assert not strategy.can_short
    assert LocalTrade.bt_trades == []
    assert "Falling: only its long signals count, shorts need futures" in caplog.text


def test_a_managed_strategy_is_not_wrapped_again(run):
    strategy = run("BreakoutStrategy")
    assert type(strategy).__name__ == "BreakoutStrategy"
    assert trades()


def test_list_of_strategies_has_managed(tmp_path):
    found = StrategyResolver.search_all_objects(
        {"user_data_dir": tmp_path, "strategy_path": str(ROOT / "strategies")}, enum_failed=True
    )
    assert "Managed" in {entry["name"] for entry in found}


def test_a_strategy_that_enters_again_at_once_keeps_its_own_locks(backtest):
    """Locks decide on entries, not on exits: benchmarks' strategies have their own, and were refused."""
    strategy = backtest("OursBusy", folder="benchmarks/strategies", timerange="20230301-20230302").strategy
    strategy.lock_pair("BTC/USDT", pd.Timestamp("2030-01-01", tz="UTC"))
    assert not strategy.is_pair_locked("BTC/USDT")
