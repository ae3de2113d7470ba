"""The callbacks in front of a strategy's own, on freqtrade's Trade and a manager of plain values."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from freqtrade.enums import ExitCheckTuple, ExitType, RunMode
from freqtrade.strategy import IStrategy

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.strategy.planned import FORCED, Planned
from freqtrade_ext.tags import TIME_LIMIT
from tests.strategy import test_manager
from tests.strategy.test_manager import DECISION, OPENED, PAIR, entered, fill, new_manager

trade = test_manager.trade
SIGNAL = ExitCheckTuple(exit_type=ExitType.EXIT_SIGNAL, exit_reason="exit_signal")
STOP = ExitCheckTuple(exit_type=ExitType.STOP_LOSS, exit_reason="stop_loss")


class Theirs(IStrategy):
    """A strategy whose callbacks answer what a test says, and note that they were asked."""

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def _answer(self, name, otherwise):
        self.asked.append(name)
        return self.answers.get(name, otherwise)

    def confirm_trade_entry(self, **kwargs):
        return self._answer("confirm_trade_entry", True)

    def confirm_trade_exit(self, **kwargs):
        return self._answer("confirm_trade_exit", True)

    def order_filled(self, **kwargs):
        self._answer("order_filled", None)

    def should_exit(self, trade, rate, current_time, **kwargs):
        return [*self.answers.get("should_exit", [])]

    def ft_stoploss_reached(self, **kwargs):
        return self.answers["ft_stoploss_reached"]

    def ft_check_timed_out(self, *_):
        return self._answer("ft_check_timed_out", False)

    def adjust_trade_position(self, **kwargs):
        return self._answer("adjust_trade_position", None)

    def custom_exit_price(self, **kwargs):
        return self._answer("custom_exit_price", None)

    def check_exit_timeout(self, **kwargs):
        return self._answer("check_exit_timeout", True)

    def adjust_order_price(self, **kwargs):
        return self._answer("adjust_order_price", None)


class Bot(Planned, Theirs):
    order_types = {"exit": "limit", "stoploss": "market"}  # noqa: RUF012
    wallets = None

    def __init__(self, runmode=RunMode.DRY_RUN, answers=None, **settings):
        self.manager = new_manager(runmode, **settings)
        self.asked, self.answers = [], answers or {}

    def stake(self, entry_tag=None, side="long", min_stake=None):
        return self.custom_stake_amount(PAIR, OPENED, 100.0, 50.0, min_stake, 500.0, 1.0, entry_tag, side)

    def confirmed(self, side="long"):
        return self.confirm_trade_entry(pair=PAIR, rate=100.0, current_time=OPENED, side=side)

    def exits(self, trade, after=timedelta()):
        return self.should_exit(trade, 100.0, OPENED + after)

    def adjusted(self, trade, rate=100.0):
        return self.adjust_trade_position(trade, OPENED, rate)

    def leaves(self, trade, reason, order_type="market"):
        return self.confirm_trade_exit(trade, order_type, reason, OPENED)


def refuse(*_):
    raise NoTrade("the account is too small")


@pytest.fixture
def bot():
    bot = Bot()
    bot.manager.entries.asked_stake = lambda pair, proposed: None
    bot.manager.entries.explain = lambda *about: bot.asked.append("explain")
    return bot


@pytest.mark.parametrize(("side", "min_stake"), [("long", None), ("short", 7.0)])
def test_the_stake_is_that_of_the_decision_which_is_kept_for_the_plan(bot, side, min_stake):
    told = []
    bot.manager.entries.decide = lambda *about: told.append(about) or (167.0, DECISION)
    assert bot.stake(side=side, min_stake=min_stake) == 167.0
    assert told == [(PAIR, side == "short", OPENED, 100.0, min_stake or 0.0, 1.0, None)]
    assert bot.manager.plans.decision_for(PAIR, False, OPENED) == DECISION


@pytest.mark.parametrize(
    ("entry_tag", "asked", "runmode", "said"),
    [
        (None, None, RunMode.DRY_RUN, ["no trade"]),
        (FORCED, None, RunMode.DRY_RUN, ["forced entry refused"] * 2),
        (None, 50.0, RunMode.DRY_RUN, ["forced entry refused"] * 2),
        (None, None, RunMode.BACKTEST, []),
    ],
)
def test_a_refusal_is_said_once_and_to_a_person_each_time(trade, caplog, entry_tag, asked, runmode, said):
    caplog.set_level("INFO")
    bot = Bot(runmode)
    bot.manager.entries.decide, bot.manager.entries.asked_stake = refuse, lambda *_: asked
    assert [bot.stake(entry_tag) for _ in range(2)] == [0.0, 0.0]
    lines = [record.getMessage() for record in caplog.records if "too small" in record.getMessage()]
    assert lines == [f"{PAIR}: {text}: the account is too small" for text in said]


def test_an_entry_goes_out_once_its_decision_is_saved_and_explained_once(trade, bot):
    assert not bot.confirmed(), "there is no decision"
    bot.manager.plans.decide(PAIR, DECISION)
    assert not bot.confirmed("short"), "it is of a long trade"
    bot.answers["confirm_trade_entry"] = False
    assert not bot.confirmed()
    assert new_manager().plans.decision_for(PAIR, False, OPENED) is None
    assert PAIR not in bot.manager.journal._asked_ms
    bot.answers.clear()
    assert [bot.confirmed() for _ in range(3)] == [True] * 3
    assert new_manager().plans.decision_for(PAIR, False, OPENED) == DECISION
    assert PAIR in bot.manager.journal._asked_ms
    assert bot.asked.count("explain") == 1


def test_a_backtest_explains_no_entry(trade):
    bot = Bot(RunMode.BACKTEST)
    bot.manager.plans.decide(PAIR, DECISION)
    bot.manager.entries.explain = refuse
    assert bot.confirmed() is True


def test_a_first_fill_makes_the_plan_sells_along_what_was_left_and_is_told_to_the_strategy(
    trade, bot, monkeypatch
):
    along = []
    monkeypatch.setattr("freqtrade_ext.strategy.planned.sell_along", lambda *about: along.append(about))
    bot.manager.plans.decide(PAIR, DECISION)
    for order in (trade.orders[0], fill(trade, "sell", 2.5, 102.0, "tp1")):
        bot.order_filled(pair=PAIR, trade=trade, order=order, current_time=OPENED)
    assert along == [(trade, trade.orders[0], None)]
    assert bot.asked == ["order_filled"] * 2
    trade.stop_loss = 90.0
    bot.manager.plans._plans.clear()
    bot.custom_stoploss(trade=trade)
    assert trade.stop_loss == 98.84


@pytest.mark.parametrize("asked", [[], [SIGNAL], [STOP]])
def test_exits_are_the_strategy_s_and_the_time_limit_s(trade, asked):
    bot = Bot(time_limit_hours=1, answers={"should_exit": asked})
    assert bot.exits(trade) == asked
    late = bot.exits(trade, timedelta(hours=1))
    assert [exit.exit_reason for exit in late] == [*(exit.exit_reason for exit in asked), TIME_LIMIT]
    # what moved nothing has to wait, yet not in a backtest
    assert bot.exits(trade, timedelta(hours=1, seconds=0.5)) == []
    tested = Bot(RunMode.BACKTEST, {"should_exit": asked})
    assert [tested.exits(trade) for _ in range(2)] == [asked] * 2


@pytest.mark.parametrize(
    ("asked", "order_type"), [([SIGNAL, STOP], "limit"), ([STOP, SIGNAL], "market")], ids=["exit", "stop"]
)
def test_an_exit_too_large_for_its_kind_of_order_is_held_back(trade, asked, order_type):
    bot, told = Bot(answers={"should_exit": asked}), []
    bot.manager.exits.holds_back = lambda *about: told.append(about) or True
    assert bot.exits(trade) == []
    assert told == [(trade, order_type, asked[0].exit_reason)]


@pytest.mark.parametrize(
    ("reached", "is_on_exchange", "is_taken"),
    [(STOP, True, False), (STOP, False, True), (SIGNAL, True, True)],
)
def test_a_stop_is_left_to_its_order_on_the_exchange(reached, is_on_exchange, is_taken):
    bot = Bot(answers={"ft_stoploss_reached": reached})
    held = SimpleNamespace(has_open_sl_orders=is_on_exchange)
    answer = bot.ft_stoploss_reached(current_rate=1.0, trade=held)
    assert answer.exit_type == (reached.exit_type if is_taken else ExitType.NONE)


@pytest.mark.parametrize(("is_in_the_way", "is_late"), [(True, False), (False, True), (False, False)])
def test_an_order_is_cancelled_where_it_is_late_or_in_the_way_of_a_stop(trade, is_in_the_way, is_late):
    bot = Bot(answers={"ft_check_timed_out": is_late})
    bot.manager.exits.is_in_the_way = lambda *_: is_in_the_way
    assert bot.ft_check_timed_out(trade, trade.orders[0], OPENED) is (is_in_the_way or is_late)


def test_what_is_due_is_sold_before_a_strategy_is_asked_to_adjust(trade):
    bot, seen = Bot(answers={"adjust_trade_position": 20.0}), []
    entered(trade, bot.manager)
    bot.manager.status.see = lambda *about: seen.append(about)
    assert bot.adjusted(trade) is None, "the plan keeps it to itself"
    bot.manager.is_adjusted, bot.manager.entries.further = True, lambda stake: stake / 2
    assert bot.adjusted(trade) == (10.0, "")
    assert bot.adjusted(trade, 102.0)[1] == "tp1"
    bot.manager.exits.slice_due = lambda *_: (-7.0, "stop_loss")
    assert bot.adjusted(trade, 104.0) == (-7.0, "stop_loss")
    assert bot.asked == ["adjust_trade_position"]
    assert [rate for *_, rate in seen] == [100.0, 100.0, 102.0, 104.0]


@pytest.mark.parametrize(
    ("answer", "adjusted"),
    [
        (None, None),
        (0.0, None),
        ((20.0, "more"), (10.0, "more")),
        ((1.0, None), (0.5, "")),
        (-30.0, (-30.0, "")),
    ],
)
def test_an_increase_is_limited_by_sizing_and_a_decrease_is_not(trade, answer, adjusted):
    bot = Bot()
    bot.manager.entries.further = lambda stake: stake / 2
    assert bot._adjusted(trade, answer) == adjusted


def test_an_increase_that_sizing_refuses_is_said_once(trade, caplog):
    caplog.set_level("INFO")
    bot = Bot()
    bot.manager.entries.further = refuse
    assert [bot._adjusted(trade, 20.0) for _ in range(3)] == [None] * 3
    assert caplog.text.count("no further entry: the account is too small") == 1


def test_a_strategy_may_refuse_its_own_exits_and_not_the_plan_s(trade):
    bot = Bot(answers={"confirm_trade_exit": False})
    assert not bot.leaves(trade, "exit_signal")
    assert PAIR not in bot.manager.journal._asked_ms
    assert bot.leaves(trade, "stop_loss")
    assert PAIR in bot.manager.journal._asked_ms
    assert bot.asked == ["confirm_trade_exit"]
    assert Bot().leaves(trade, "exit_signal")


def test_an_emergency_exit_that_moved_nothing_waits_and_a_large_one_is_held_back(trade):
    bot = Bot()
    assert bot.leaves(trade, "emergency_exit") is True
    assert bot.leaves(trade, "emergency_exit") is False
    bot.manager.exits.holds_back = lambda *_: True
    assert not bot.leaves(trade, "stop_loss")


@pytest.mark.parametrize("tag", ["tp1", "stop_loss", "exit_signal", None])
def test_rates_and_times_of_the_plan_s_orders_are_not_the_strategy_s(trade, tag):
    answers = {"custom_exit_price": 7.0, "check_exit_timeout": True, "adjust_order_price": 8.0}
    bot, order = Bot(answers=answers), SimpleNamespace(ft_order_tag=tag)
    is_theirs = tag in ("exit_signal", None)
    assert bot.custom_exit_price(proposed_rate=9.0, exit_tag=tag) == (7.0 if is_theirs else 9.0)
    assert bot.check_exit_timeout(order=order) is is_theirs
    priced = {"order": order, "current_order_rate": 9.0}
    assert bot._planned_order_price(is_entry=False, **priced) == (8.0 if is_theirs else 9.0)
    assert bot._planned_order_price(is_entry=True, **priced) == 8.0
