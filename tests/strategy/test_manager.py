"""Plan and stop of a trade, on freqtrade's own Trade and database and a strategy of plain values."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.enums import RunMode, TradingMode
from freqtrade.persistence import Order, Trade, init_db
from pandas import DataFrame

from freqtrade_ext.fills.orders import LIQUIDATION
from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.manager import Manager
from tests.strategy.test_exits import Desk
from tests.strategy.test_plans import PAIR, STATE

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
DECISION = Decision(int(OPENED.timestamp() * 1000), False, STATE, AccountState(500, 0), "$167 per position")
CONFIG = {"stake_currency": "USDT", "dry_run": True, "original_config": {}, "max_open_trades": 3}


class Plain:
    timeframe, stoploss, order_types, config = "5m", -0.1, {"exit": "market"}, CONFIG


class Trailing(Plain):
    trailing_stop, trailing_stop_positive = True, 0.03


def new_manager(runmode=RunMode.DRY_RUN, strategy=Plain, **settings):
    strategy = strategy()
    candles = DataFrame({"date": [OPENED], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]})
    strategy.dp = SimpleNamespace(runmode=runmode, get_pair_dataframe=lambda *_: candles)
    return Manager(strategy, Settings(**settings), Desk().exchange)


@pytest.fixture
def trade(tmp_path):
    init_db(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    trade = Trade(
        pair=PAIR,
        base_currency="BTC",
        stake_currency="USDT",
        exchange="binance",
        stake_amount=1000.0,
        amount=10.0,
        open_rate=100.0,
        open_date=OPENED.replace(tzinfo=None),
        fee_open=0.001,
        fee_close=0.001,
        is_open=True,
        amount_precision=0.001,
        price_precision=0.01,
        precision_mode=ccxt.TICK_SIZE,
        precision_mode_price=ccxt.TICK_SIZE,
        contract_size=1.0,
        trading_mode=TradingMode.SPOT,
    )
    trade.adjust_stop_loss(100.0, -0.1, initial=True)
    Trade.session.add(trade)
    fill(trade, "buy", 10.0, 100.0)
    yield trade
    Trade.session.remove()


def fill(trade, side, amount, rate, tag=None):
    order = Order(
        ft_order_side=side,
        ft_pair=PAIR,
        ft_is_open=False,
        ft_amount=amount,
        ft_price=rate,
        ft_order_tag=tag,
        order_id=f"{side}{len(trade.orders)}",
        status="closed",
        side=side,
        order_type="market",
        price=rate,
        average=rate,
        amount=amount,
        filled=amount,
        remaining=0.0,
        order_date=OPENED,
        order_filled_date=OPENED,
    )
    trade.orders.append(order)
    trade.recalc_trade_from_orders()
    trade.max_rate, trade.min_rate = max(trade.max_rate or 0, rate), rate
    Trade.commit()
    return order


def entered(trade, manager):
    manager.plans.decide(PAIR, DECISION)
    manager.order_filled(trade, trade.orders[0])
    return manager.plans.known(trade)


def test_the_entry_gets_the_plan_of_its_decision_and_keeps_its_stop_and_its_record(trade):
    """ATR 0.57849 % in a strong trend: stop at 2 times that, targets 2, 4 and 8 %."""
    plan = entered(trade, new_manager())
    assert (plan.entry_rate, plan.stop_rate, plan.target_rates) == (100.0, 98.84, (102.0, 104.0, 108.0))
    assert (trade.stop_loss, trade.initial_stop_loss) == (98.84, 98.84)
    assert Plan.from_json(trade.get_custom_data("plan")) == plan
    assert trade.get_custom_data("market_state")["regime"] == "trending"
    assert [fill["order_id"] for fill in trade.get_custom_data("fills")] == ["buy0"]
    assert len(trade.get_custom_data("story")) > 1


def test_a_further_entry_moves_the_plan_and_makes_no_new_one(trade):
    manager = new_manager()
    first = entered(trade, manager)
    manager.plans.decide(PAIR, None)
    manager.order_filled(trade, fill(trade, "buy", 10.0, 110.0))
    moved = manager.plans.known(trade)
    assert (moved.entry_rate, moved.shares) == (105.0, first.shares)
    assert trade.stop_loss == moved.stop_rate > first.stop_rate
    assert len(trade.get_custom_data("fills")) == 2


def test_a_plan_is_taken_up_after_a_restart_and_its_stop_with_it(trade):
    plan = entered(trade, new_manager())
    trade.stop_loss = 90.0
    again = new_manager()
    assert again.plan_of(trade) == plan
    assert trade.stop_loss == 98.84
    assert [drawn.plan for drawn in again.journal.chart._drawings[PAIR].values()] == [plan]


def test_a_trade_without_a_known_market_state_keeps_freqtrade_s_stop_and_says_so_once(trade, caplog):
    manager = new_manager()

    def unknown(trade):
        raise NoTrade("there are no candles")

    manager.entries.take_over = unknown
    for _ in range(3):
        assert manager.plan_of(trade) is None
        assert manager.exit_due(trade, 120.0, OPENED) is None
    assert trade.stop_loss == 90.0
    assert caplog.text.count("no plan yet, the stop is at 90.0") == 1


@pytest.mark.parametrize(
    ("after", "stop"), [("stay", 98.84), ("break_even", 100.2003), ("trail", 101.0), ("previous", 100.2003)]
)
def test_the_stop_moves_as_the_setting_says_once_a_target_has_sold(trade, after, stop):
    manager = new_manager(stop_after_tp=after)
    entered(trade, manager)
    manager.order_filled(trade, fill(trade, "sell", 2.5, 102.02, "tp1"))
    assert trade.stop_loss == pytest.approx(stop, abs=0.011)


def test_a_stop_that_trails_follows_between_orders_as_well(trade):
    manager = new_manager(stop_after_tp="trail")
    entered(trade, manager)
    trade.max_rate = 103.0
    manager.guard(trade)
    assert trade.stop_loss == 98.84  # nothing is sold yet
    fill(trade, "sell", 2.5, 102.0, "tp1")
    manager.guard(trade)
    assert trade.stop_loss == 101.97
    trade.max_rate = 104.0
    manager.guard(trade)
    assert trade.stop_loss == 102.96


def test_the_strategy_s_own_trailing_stop_takes_over_at_the_last_target(trade):
    manager = new_manager(strategy=Trailing, keep=("trailing",))
    entered(trade, manager)
    fill(trade, "sell", 2.5, 102.0, "tp1")
    for best, stop in ((107.99, 98.84), (108.0, 104.76), (120.0, 116.4)):
        trade.max_rate = best
        manager.guard(trade)
        assert trade.stop_loss == stop


def test_a_single_target_is_left_to_the_strategy_s_own_trailing_stop(trade):
    """Nothing was sold at it, and the stop stayed where the plan had put it, too."""
    one = {f"targets_{kind}": (8.0,) for kind in ("early", "standard", "strong")}
    one |= {f"split_{kind}": (100.0,) for kind in ("early", "standard", "strong", "low_balance_open")}
    manager = new_manager(strategy=Trailing, keep=("trailing",), **one)
    entered(trade, manager)
    trade.max_rate = 120.0
    manager.guard(trade)
    assert trade.stop_loss == 116.4
    assert manager.exit_due(trade, 120.0, OPENED) is None
    # after a restart too, and by the settings of then
    assert new_manager(strategy=Trailing, keep=("trailing",), **one).plan_of(trade).trail_percent == 3
    assert new_manager(strategy=Trailing, **one).plan_of(trade).trail_percent is None


def test_without_keeping_it_a_strategy_s_trailing_stop_does_not_count(trade):
    manager = new_manager(strategy=Trailing)
    entered(trade, manager)
    fill(trade, "sell", 2.5, 102.0, "tp1")
    trade.max_rate = 120.0
    manager.guard(trade)
    assert trade.stop_loss == 98.84


@pytest.mark.parametrize(("own", "is_adjusted"), [({}, True), ({"position_adjustment_enable": False}, False)])
def test_averaging_that_the_strategy_has_switched_off_is_not_kept(own, is_adjusted):
    strategy = type("Theirs", (Plain,), own)
    assert new_manager(strategy=strategy, keep=("adjust_trade_position",)).is_adjusted is is_adjusted


def test_a_liquidation_is_named_as_its_order_fills(trade):
    manager = new_manager()
    entered(trade, manager)
    order = fill(trade, "sell", 10.0, 50.0)
    order.order_id = f"{LIQUIDATION}1"
    manager.order_filled(trade, order)
    assert trade.exit_reason == "liquidation"


def test_an_entry_is_explained_again_once_the_one_before_has_filled(trade):
    manager = new_manager()
    assert manager.news.is_new(("entry", PAIR), "facts")
    assert not manager.news.is_new(("entry", PAIR), "facts")
    entered(trade, manager)
    assert manager.news.is_new(("entry", PAIR), "facts")


def test_what_a_plan_merges_for_the_exchange_s_minimum_is_said(trade, caplog):
    caplog.set_level("INFO")
    entered(trade, new_manager())
    assert "Standard allocation" not in caplog.text
    manager = new_manager()
    manager.exits._exchange.get_min_pair_stake_amount = lambda *_: 400.0
    manager.plans.decide(PAIR, DECISION)
    caplog.clear()
    plan = manager._new_plan(trade)
    assert sorted(plan.shares)[0] == 0
    assert plan.reasons[1] in caplog.text


def test_a_backtest_stores_no_market_state_and_commits_nothing(trade, monkeypatch):
    committed = []
    monkeypatch.setattr(Trade, "commit", staticmethod(lambda: committed.append(1)))
    entered(trade, new_manager(RunMode.BACKTEST))
    assert (trade.get_custom_data("market_state"), committed) == (None, [])
    manager = new_manager()
    manager.plans.decide(PAIR, DECISION)
    manager._new_plan(trade)
    assert committed == [1]


def test_a_trade_is_too_old_from_the_limit_on(trade):
    manager = new_manager(time_limit_hours=2)
    limit = OPENED + timedelta(hours=2)
    assert not manager.is_too_old(trade, limit - timedelta(seconds=1))
    assert manager.is_too_old(trade, limit)
    assert not new_manager().is_too_old(trade, limit)


def test_a_backtest_keeps_the_plan_in_the_first_entry_s_tag(trade):
    manager = new_manager(RunMode.BACKTEST)
    entered(trade, manager)
    assert "stop 98.84: 25 % at 102.00, 30 % at 104.00, 45 % at 108.00" in trade.orders[0].ft_order_tag
    order = fill(trade, "buy", 10.0, 110.0, "mine")
    manager.order_filled(trade, order)
    assert order.ft_order_tag == "mine"


def test_other_settings_make_a_manager_that_remembers_no_trade(trade):
    manager = new_manager()
    entered(trade, manager)
    tuned = manager.tuned(Settings(max_positions=1))
    assert (tuned.settings.max_positions, tuned.plans.known(trade)) == (1, None)
