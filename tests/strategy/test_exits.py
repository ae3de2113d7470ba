"""What the exits of managed trades remember, on freqtrade's own Trade and a market of plain values."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import TemporaryError

from freqtrade_ext.plan.exits import LOUD_TRIES
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy.exits import Exits
from tests.strategy.test_position import add_order, new_trade

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan(
    is_short=False,
    entry_rate=100.0,
    stop_rate=98.0,
    target_rates=(102.0, 104.0, 108.0),
    shares=(40.0, 30.0, 30.0),
    stop_percent=2.0,
    target_percents=(2.0, 4.0, 8.0),
    reasons=("", "", ""),
)
MARKET = {"limits": {"amount": {"min": 0.001}, "cost": {"min": 5.0}, "market": {"max": None}}}


class Desk:
    """The exits of one bot, whose exchange answers with the values set here."""

    def __init__(self, *, is_trading=True, most=None, order_type="market"):
        market = {"limits": MARKET["limits"] | {"market": {"max": most}}}
        self.exchange = SimpleNamespace(
            markets={"BTC/USDT": market},
            get_min_pair_stake_amount=lambda pair, rate, stoploss: 5.5,
            get_precision_amount=lambda pair: 0.001,
            get_rate=lambda *asked: self.rate if asked == ("BTC/USDT", True, "exit", False) else None,
        )
        self.locked = []
        strategy = SimpleNamespace(
            stoploss=-0.1,
            order_types={"exit": order_type},
            lock_pair=lambda pair, until, **more: self.locked.append(pair),
        )
        self.exits = Exits(strategy, self.exchange, is_trading=is_trading)
        self.trade = new_trade(rate=100.0, amount=10.0, lot=0.001)
        self.rate = 100.0

    def due(self, rate, after_seconds=0.0, plan=PLAN):
        return self.exits.due(self.trade, plan, rate, NOW + timedelta(seconds=after_seconds))

    def sell(self, amount, rate, tag):
        add_order(self.trade, "sell", amount, rate, tag)


def sold(answer):
    """Return the coins that freqtrade makes of an answer, and its tag; both bought at 100."""
    stake, tag = answer
    return round(-stake / 100, 6), tag


def test_a_target_that_moves_nothing_is_asked_for_after_growing_pauses_and_said_loudly_once(caplog):
    desk = Desk()
    assert sold(desk.due(102.0)) == (4.0, "tp1")
    assert desk.due(102.0, 14.9) is None
    assert sold(desk.due(102.0, 15)) == (4.0, "tp1")
    assert desk.due(102.0, 44.9) is None
    seconds = 45
    for tries in range(3, LOUD_TRIES + 2):
        assert sold(desk.due(102.0, seconds)) == (4.0, "tp1")
        seconds += min(15 * 2 ** (tries - 1), 900)
    assert caplog.text.count(f"tp1 has moved nothing in {LOUD_TRIES} tries") == 1


def test_what_has_moved_makes_the_next_target_due_at_once():
    desk = Desk()
    desk.due(102.0)
    desk.sell(4.0, 102.0, "tp1")
    assert desk.due(102.0, 1) is None
    assert sold(desk.due(104.0, 1)) == (3.0, "tp2")


def test_the_last_share_is_left_to_the_strategy_s_own_trailing_stop():
    assert sold(Desk().due(108.0)) == (10.0, "tp3")
    assert sold(Desk().due(108.0, plan=replace(PLAN, trail_percent=3.0))) == (7.0, "tp2")


def test_without_a_plan_nothing_is_due():
    assert Desk().due(108.0, plan=None) is None


def test_a_backtest_s_candle_on_which_nothing_can_be_due_is_passed_over():
    desk = Desk(is_trading=False)
    assert desk.due(101.0) is None
    assert sold(desk.due(102.0)) == (4.0, "tp1")
    desk.sell(4.0, 102.0, "tp1")
    assert desk.due(103.0) is None
    # known to be settled: the exchange is not asked for its minimum
    desk.exchange.markets = None
    assert desk.due(103.9) is None
    desk.exchange.markets = {"BTC/USDT": MARKET}
    assert sold(desk.due(104.0)) == (3.0, "tp2")


def test_what_waits_for_another_rate_is_not_settled_in_a_backtest():
    desk = Desk(is_trading=False)
    desk.trade = new_trade(rate=100.0, amount=2.0, lot=0.001)
    desk.exchange.get_min_pair_stake_amount = lambda pair, rate, stoploss: 100.0 if rate < 103 else 1.0
    assert desk.due(102.0) is None
    assert sold(desk.due(103.0)) == (0.8, "tp1")
    desk.trade = new_trade(rate=100.0, amount=0.5, lot=0.001)
    desk.exchange.markets["BTC/USDT"]["limits"] = MARKET["limits"] | {"cost": {"min": 60.0}}
    assert desk.due(108.0) is None
    assert sold(desk.due(121.0)) == (0.5, "tp3")


def test_a_backtest_asks_for_no_minimum_below_the_first_target_nor_below_one_that_has_sold():
    desk = Desk(is_trading=False)
    desk.exchange.markets = None
    assert desk.due(101.0) is None
    desk.exchange.markets = {"BTC/USDT": MARKET}
    desk.sell(4.0, 102.0, "tp1")
    assert desk.due(101.0) is None
    desk.exchange.markets = None
    assert desk.due(102.5) is None


def test_the_lot_that_the_exchange_has_now_is_followed_while_no_order_is_open():
    desk = Desk()
    desk.trade = new_trade(rate=100.0, amount=10.005, lot=0.001)
    desk.exchange.get_precision_amount = lambda pair: 0.01
    waits = add_order(desk.trade, "sell", 4.0, 102.0, "mine", filled=0.0, status="open")
    desk.due(100.0)
    assert desk.trade.amount == 10.005
    waits.ft_is_open, waits.status = False, "canceled"
    desk.due(100.0)
    assert desk.trade.amount == 10.0


@pytest.mark.parametrize(
    ("amount", "cost", "size", "leverage", "whole"),
    [
        (None, None, None, 1.0, 0.0),
        (0.5, 20.0, None, 1.0, 0.5),
        (0.5, 80.0, 1.0, 1.0, 0.8),
        (0.5, 80.0, 10.0, 3.0, 5.0),
    ],
)
def test_the_least_of_a_position_is_the_market_s_in_base_units(amount, cost, size, leverage, whole):
    desk = Desk()
    desk.trade = new_trade(rate=100.0, amount=10.0, leverage=leverage, lot=0.001)
    desk.trade.contract_size = size
    limits = {"amount": {"min": amount}, "cost": {"min": cost}, "market": {"max": None}}
    desk.exchange.markets = {"BTC/USDT": {"limits": limits}}
    assert desk.exits.least(desk.trade, 100.0).whole == pytest.approx(whole)
    assert desk.exits.least(desk.trade, 100.0).part == 0.055
    desk.exchange.get_min_pair_stake_amount = lambda *_: None
    assert desk.exits.least(desk.trade, 100.0).part == 0


def test_an_increase_in_a_backtest_ends_what_was_settled():
    desk = Desk(is_trading=False)
    desk.due(102.0)
    desk.sell(4.0, 102.0, "tp1")
    desk.due(102.0)
    add_order(desk.trade, "buy", 10.0, 100.0)
    desk.exchange.markets = {"BTC/USDT": MARKET}
    assert desk.due(102.0) is None  # old coins alone belong to tp1
    assert sold(desk.due(104.0)) == (8.0, "tp2")


@pytest.mark.parametrize(("least", "is_open"), [(0.8, True), (8.0, False), (21.0, True)])
def test_a_rest_is_written_off_but_not_where_the_exchange_has_changed_its_rules(least, is_open, monkeypatch):
    """A lot, or least notional, larger than the whole position had it closed at its stop, as lost."""
    closed = []
    monkeypatch.setattr(trades, "write_off", lambda trade, rate: closed.append(trade))
    desk = Desk()
    desk.exchange.markets["BTC/USDT"]["limits"] = MARKET["limits"] | {"amount": {"min": least}}
    desk.sell(9.0, 102.0, "tp1")
    assert desk.trade.amount == 1.0
    desk.due(89.0)
    assert (not closed) is is_open


@pytest.mark.parametrize(("least", "is_open"), [(20.0, False), (20.1, True)])
def test_the_rules_of_an_exchange_are_compared_with_the_largest_entry(least, is_open, monkeypatch, caplog):
    closed = []
    monkeypatch.setattr(trades, "write_off", lambda trade, rate: closed.append(rate))
    desk = Desk()
    add_order(desk.trade, "buy", 1.0, 100.0)
    desk.sell(10.5, 102.0, "tp1")
    add_order(desk.trade, "sell", 30.0, 102.0, "mine", filled=0.0, status="canceled")
    desk.exchange.markets["BTC/USDT"]["limits"] = MARKET["limits"] | {"amount": {"min": least}}
    assert desk.due(108.0) is None
    assert (closed, desk.locked) == (([], []) if is_open else ([108.0], ["BTC/USDT"]))
    assert ("is below the exchange's minimum" in caplog.text) is not is_open


def test_a_minimum_is_freqtrade_s_for_a_part_and_the_exchange_s_for_the_whole():
    desk = Desk()
    least = desk.exits.least(desk.trade, 100.0)
    assert (least.part, least.whole, least.most) == (0.055, 0.05, math.inf)
    assert desk.exits.least(desk.trade, 100_000.0).whole == 0.001
    desk.exchange.markets = {}
    assert desk.exits.least(desk.trade, 100.0).part == math.inf


def test_futures_close_below_the_least_notional_as_their_exits_only_reduce():
    desk = Desk()
    desk.trade = new_trade(rate=100.0, amount=10.0, lot=0.001, leverage=3.0)
    assert desk.exits.least(desk.trade, 100.0).whole == 0.001


@pytest.mark.parametrize(
    ("most", "order_type", "is_trading", "holds"),
    [
        (9.999, "market", True, True),
        (10.0, "market", True, False),
        (9.999, "limit", True, False),
        (9.999, "market", False, False),
    ],
)
def test_an_exit_is_held_back_where_one_market_order_cannot_carry_it(most, order_type, is_trading, holds):
    desk = Desk(most=most, is_trading=is_trading)
    assert desk.exits.holds_back(desk.trade, order_type, "stop_loss") is holds
    slice_due = desk.exits.slice_due(desk.trade, 99.0, NOW)
    assert (sold(slice_due) if slice_due else None) == ((9.944, "stop_loss") if holds else None)


def test_what_a_person_asked_for_once_is_sold_to_the_end():
    desk = Desk(most=4.0)
    desk.exits.holds_back(desk.trade, "market", "force_exit")
    for amount in (4.0, 4.0, 2.0):
        assert sold(desk.exits.slice_due(desk.trade, 100.0, NOW)) == (amount, "force_exit")
        # an empty book is asked again a second later
        assert desk.exits.slice_due(desk.trade, 100.0, NOW) is None
        desk.sell(amount, 100.0, "force_exit")
    assert desk.exits.slice_due(desk.trade, 100.0, NOW) is None


def test_a_stop_at_the_market_too_large_for_one_order_is_sold_by_the_limit_orders_of_other_exits():
    desk = Desk(most=4.0, order_type="limit")
    assert desk.exits.holds_back(desk.trade, "market", "stop_loss")
    assert sold(desk.exits.slice_due(desk.trade, 99.0, NOW)) == (10.0, "stop_loss")


def test_nothing_is_held_back_while_an_order_is_open():
    desk = Desk(most=1.0)
    add_order(desk.trade, "sell", 4.0, 102.0, "tp1", filled=0.0, status="open")
    assert not desk.exits.holds_back(desk.trade, "market", "stop_loss")


def test_an_exit_of_the_whole_position_that_moved_nothing_has_to_wait():
    desk = Desk()
    assert desk.exits.may_exit(desk.trade, NOW)
    assert not desk.exits.may_exit(desk.trade, NOW + timedelta(seconds=0.9))
    assert desk.exits.may_exit(desk.trade, NOW + timedelta(seconds=1))
    assert not desk.exits.may_exit(desk.trade, NOW + timedelta(seconds=2.9))
    desk.sell(1.0, 98.0, "stop_loss")
    assert desk.exits.may_exit(desk.trade, NOW + timedelta(seconds=2.9))
    add_order(desk.trade, "sell", 4.0, 102.0, "stop_loss", filled=0.0, status="open")
    assert desk.exits.may_exit(desk.trade, NOW + timedelta(seconds=2.95))


@pytest.mark.parametrize(
    ("tag", "rate", "is_in_the_way"),
    [("tp1", 89.0, True), ("tp1", 91.0, False), ("stop_loss", 89.0, False), ("liquidation", 89.0, False)],
)
def test_an_open_order_is_in_the_way_of_a_stop_that_is_reached(tag, rate, is_in_the_way):
    desk = Desk()
    desk.rate = rate
    order = add_order(desk.trade, "sell", 4.0, 102.0, tag, filled=0.0, status="open")
    assert desk.trade.stop_loss == 90.0
    assert desk.exits.is_in_the_way(desk.trade, order) is is_in_the_way


def test_no_order_is_cancelled_for_a_rate_that_is_not_known():
    desk = Desk()
    order = add_order(desk.trade, "sell", 4.0, 102.0, "tp1", filled=0.0, status="open")

    def fail(*_):
        raise TemporaryError

    desk.exchange.get_rate = fail
    assert not desk.exits.is_in_the_way(desk.trade, order)


def test_the_pace_wakes_the_bot_at_the_stop_and_at_the_next_target():
    desk, watched = Desk(), []
    desk.exits.pace = SimpleNamespace(watch=lambda pair, plan, position, stage: watched.append((pair, stage)))
    desk.due(102.5)
    desk.due(101.0)
    desk.due(108.0, plan=None)
    assert watched == [("BTC/USDT", 1), ("BTC/USDT", 0), ("BTC/USDT", 0)]
