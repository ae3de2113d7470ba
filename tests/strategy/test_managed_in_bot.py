"""Managed strategies in the real bot, on books that only the test changes: what may go wrong."""

import shutil
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.bot_process import ROOT, running_bot
from tests.strategy.conftest import ASKS, BIDS, plan_of, times_said

pytestmark = pytest.mark.timeout(300)

LIMIT_ENTRY = {
    "entry": "limit",
    "exit": "market",
    "emergency_exit": "market",
    "force_entry": "market",
    "force_exit": "market",
    "stoploss": "market",
    "stoploss_on_exchange": False,
}


def change(bot, *statements):
    """Change the database of a bot that does not run."""
    with closing(sqlite3.connect(bot.folder / "bot.sqlite")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def sold(bot, tag):
    return [o for o in bot.orders() if (o["ft_order_tag"] or "").startswith(tag) and o["filled"]]


@pytest.mark.parametrize("name", ["Wilful", "Everything"])
def test_unedited_strategy_runs_by_plan(new_bot, market, name):
    """
    Its own stake, stop, profit, averaging and exits give way, whatever it tries; its signals, its order types
    and what it is told do not.
    """
    bot = new_bot("Managed", freqtrade_ext={"strategy": name})
    (bot.folder / "user_data" / "strategies").mkdir()
    shutil.copy(ROOT / "strategies" / "managed.py", bot.folder / "user_data" / "strategies")
    with running_bot(bot):
        plan = plan_of(bot)
        bot.wait_for_loops(3)
        (trade,) = bot.trades()
        assert trade["is_open"]
        assert (trade["strategy"], trade["enter_tag"]) == (name, "always")
        assert trade["stop_loss"] == plan["stop_rate"]
        assert trade["stake_amount"] == pytest.approx(150, abs=1.1)
        first = plan["target_rates"][0]
        market.freeze("BTCUSDT", [(first + 10, 5.0)], [(first + 20, 5.0)])
        (target,) = bot.wait(lambda: sold(bot, "tp1"), "the first target")
        entry = bot.orders()[0]
        assert {entry["order_type"], target["order_type"]} == {"limit"}
        assert target["average"] == first + 10
        share = 100 * target["filled"] / entry["filled"]
        assert share == pytest.approx(plan["shares"][0], abs=1)
        if name == "Wilful":
            bot.wait(lambda: bot.custom_data().get("seen") == ["buy", "sell"], "it to be told of both")
        else:
            assert times_said(bot, "Everything.confirm_trade_entry: Unexpected error")
        assert bot.trades()[0]["stop_loss"] == plan["stop_rate"]


def test_plan_survives_kill_before_the_entry_has_filled(new_bot, market):
    """A limit entry rests, the bot is killed, and what was decided is still known when it fills."""
    bids = {"price_side": "same", "use_order_book": True, "order_book_top": 1}
    bot = new_bot(order_types=LIMIT_ENTRY, entry_pricing=bids, dry_run_wallet=500)
    with running_bot(bot):
        bot.wait(lambda: bot.rows("select * from orders where ft_is_open"), "the entry")
        assert bot.stop(signal.SIGKILL) == -signal.SIGKILL
        assert bot.custom_data() == {}
        bot.start()
        bot.wait_for_loops(2)
        market.freeze("BTCUSDT", [(104_700.0, 5.0)], [(104_900.0, 5.0)])
        # somebody sells through our rate
        market._post("trade", symbol="BTCUSDT", side="sell", amount=0.5)
        plan = plan_of(bot)
        stop_loss = bot.trades()[0]["stop_loss"]
    assert not times_said(bot, "came without a plan")
    assert plan["reasons"][0] == "$167 per position, 3 slots available"
    assert plan["entry_rate"] == pytest.approx(104_860.0)
    assert stop_loss == plan["stop_rate"]


def test_trade_without_a_plan_gets_one(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = plan_of(bot)
        bot.stop(signal.SIGKILL)
        change(
            bot,
            "delete from trade_custom_data",
            "delete from KeyValueStore where key like 'freqtrade_ext%'",
            "update trades set stop_loss = 90000",
        )
        bot.start()
        again = plan_of(bot)
        bot.wait_for_loops(1)
        assert bot.trades()[0]["stop_loss"] == again["stop_rate"]
    assert times_said(bot, "trade 1 came without a plan, it gets one now") == 1
    assert again["entry_rate"] == plan["entry_rate"]
    assert again["shares"] == plan["shares"]


def test_broken_plan_in_the_database_is_made_anew(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = plan_of(bot)
        bot.stop(signal.SIGKILL)
        change(bot, "update trade_custom_data set cd_value = '{\"stop_rate\": 1}' where cd_key = 'plan'")
        bot.start()
        bot.wait(lambda: len(bot.custom_data()["plan"]) > 1, "the plan made anew")
        again = bot.custom_data()["plan"]
    assert times_said(bot, "a stored plan must have")
    # the decision itself was kept apart from the plan
    assert again == plan


def test_thin_book_sells_a_target_in_parts(new_bot, market):
    bot = new_bot()
    with running_bot(bot):
        plan = plan_of(bot)
        rate = round(plan["target_rates"][0] + 1, 2)
        market.freeze("BTCUSDT", [(rate, 0.0002)], [(rate + 30, 5.0)])
        bot.wait(lambda: len(bot.orders()) == 2, "a part of tp1")
        bot.wait_for_loops(2)
        # the price falls back: tp1 was reached, so what is left of its chunk is sold all the same
        market.freeze("BTCUSDT", [(rate - 300, 5.0)], [(rate - 270, 5.0)])
        bot.wait(lambda: bot.orders()[-1]["average"] == rate - 300, "the rest of tp1")
        bot.wait_for_loops(2)
        exits = [order for order in bot.orders() if order["ft_order_side"] == "sell" and order["filled"]]
    assert {order["ft_order_tag"].split()[0] for order in exits} == {"tp1"}
    chunk = int(142 * plan["shares"][0] / 100 + 1e-9) / 1e5
    assert sum(order["filled"] for order in exits) == pytest.approx(chunk, abs=1e-12)


def test_dust_of_a_thin_book_is_written_off(new_bot, market):
    """The stop sells all but what no exchange takes; the trade does not stay open for it."""
    bot = new_bot()
    with running_bot(bot):
        plan = plan_of(bot)
        rate = round(plan["stop_rate"] - 50, 2)
        market.freeze("BTCUSDT", [(rate, 0.00139)], [(rate + 30, 5.0)])
        bot.wait(lambda: len(bot.orders()) == 2, "the stop")
        market.freeze("BTCUSDT", [(rate, 5.0)], [(rate + 30, 5.0)])
        trade = bot.closed_trade()
    assert times_said(bot, "left of trade 1 is below the exchange's minimum") == 1
    assert trade["exit_reason"] == "stop_loss"
    entry, stop = bot.orders()[:2]
    assert stop["filled"] == pytest.approx(0.00139, abs=1e-12)
    lost = entry["cost"] - stop["cost"] * 0.999
    assert trade["close_profit_abs"] == pytest.approx(-lost, abs=0.01 + 0.00001 * entry["average"])


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ([(104_870.0, 5.0)], [(104_860.0, 5.0)], "is crossed: bid 104870.0 >= ask 104860.0"),
        ([], [(104_870.0, 5.0)], "order book is empty"),
    ],
)
def test_no_trade_on_a_bad_book(new_bot, market, bids, asks, why):
    bot = new_bot()
    market.freeze("BTCUSDT", bids, asks)
    with running_bot(bot):
        bot.wait(lambda: times_said(bot, why), "the reason")
        bot.wait_for_loops(4)
        assert bot.trades() == []
        market.freeze("BTCUSDT", BIDS, ASKS)
        assert plan_of(bot)


def test_no_entry_into_a_spread_that_its_own_stop_lies_in(new_bot, market):
    """It was bought at the ask and sold at the bid in the next loop, 2 % lower, again and again."""
    bot = new_bot()
    market.freeze("BTCUSDT", [(103_000.0, 5.0)], [(105_000.0, 5.0)])
    with running_bot(bot):
        bot.wait(lambda: times_said(bot, "BTC/USDT: no trade: Spread"), "the reason")
        for step in range(3):
            market.freeze("BTCUSDT", [(103_001.0 + step, 5.0)], [(105_000.0, 5.0)])
            bot.wait_for_loops(2)
        assert bot.trades() == []
        assert times_said(bot, "no trade: Spread") == 1
        market.freeze("BTCUSDT", BIDS, ASKS)
        assert plan_of(bot)


def test_failing_callback_is_one_error_and_no_trade(new_bot, market):
    bot = new_bot("FailsToSize")
    with running_bot(bot):
        bot.wait(lambda: times_said(bot, "custom_stake_amount failed, nothing is done"), "the error")
        bot.wait_for_loops(4)
        assert bot.trades() == []
    assert times_said(bot, "custom_stake_amount failed") <= 2


def test_an_entry_that_the_exchange_refuses_in_each_loop_is_explained_once(new_bot, market):
    bot = new_bot(order_types=LIMIT_ENTRY, order_time_in_force={"entry": "PO", "exit": "GTC"})
    with running_bot(bot):
        bot.wait(lambda: times_said(bot, "Post-only: limit 104870.0 would take"), "the refusal")
        bot.wait_for_loops(4)
        assert bot.trades() == []
    assert times_said(bot, "2/5 sizing") <= 2  # a candle may have begun
