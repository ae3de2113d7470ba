"""Stops and targets of the real bot where something else is in their way."""

import pytest

from tests.bot_process import running_bot
from tests.paper.test_live_mode import make_live
from tests.served_bot import ServedBot, sales
from tests.strategy.conftest import plan_of, times_said

pytestmark = pytest.mark.timeout(300)

MARKET = {
    "entry": "market",
    "exit": "market",
    "emergency_exit": "market",
    "force_entry": "market",
    "force_exit": "market",
    "stoploss": "market",
    "stoploss_on_exchange": False,
}
AT_THE_ASK = {"price_side": "same", "use_order_book": True, "order_book_top": 1}


def fall_through_the_stop(bot, market, plan):
    """Fall in one step, and return the trade once it is closed."""
    rate = round(plan["stop_rate"] - 50, 2)
    market.freeze("BTCUSDT", [(rate, 5.0)], [(rate + 30, 5.0)])
    return bot.closed_trade(60)


def sold(bot):
    return [(o["ft_order_tag"].split()[0], o["filled"]) for o in bot.orders() if o["side"] == "sell"]


@pytest.mark.parametrize("time_in_force", ["PO", "FOK"])
def test_a_market_stop_is_sent_without_the_time_in_force_of_limit_orders(new_bot, market, time_in_force):
    """It was refused, or expired for want of a deep book, in each loop: 10 % lower the position was open."""
    bot = new_bot(order_time_in_force={"entry": "GTC", "exit": time_in_force})
    with running_bot(bot):
        plan = plan_of(bot)
        rate = round(plan["stop_rate"] - 50, 2)
        market.freeze("BTCUSDT", [(rate, 0.0005)], [(rate + 30, 5.0)])
        bot.wait(lambda: ("stop_loss", 0.0005) in sold(bot), "what the thin book takes", 20)
        trade = fall_through_the_stop(bot, market, plan)
    assert trade["exit_reason"] == "stop_loss"
    assert {tag for tag, _ in sold(bot)} == {"stop_loss"}
    assert not times_said(bot, "rejects market")


@pytest.mark.parametrize(
    ("stoploss", "time_in_force"), [("market", "GTC"), ("market", "PO"), ("limit", "GTC")]
)
def test_a_partly_filled_target_neither_keeps_the_stop_from_selling_nor_is_asked_for_below_it(
    new_bot, market, stoploss, time_in_force
):
    """The stop was refused for want of what the resting order had sold, then a `tp1` went out below it."""
    bot = new_bot(
        order_types={**MARKET, "exit": "limit", "stoploss": stoploss},
        order_time_in_force={"entry": "GTC", "exit": time_in_force},
        exit_pricing=AT_THE_ASK,
        freqtrade_ext={"maker_fill": "optimistic"},
    )
    with running_bot(bot):
        plan = plan_of(bot)
        ask = round(plan["target_rates"][0] + 1, 2)
        market.freeze("BTCUSDT", [(ask - 20, 5.0)], [(ask, 5.0)])
        (order,) = bot.wait(lambda: bot.rows("select * from orders where ft_is_open"), "a resting tp1")
        assert order["ft_order_tag"] == "tp1"
        market._post("print", symbol="BTCUSDT", side="buy", rate=ask, amount=0.0002)
        bot.wait(lambda: bot.rows("select * from orders where filled = 0.0002"), "a part of tp1")
        if stoploss == "limit":
            # such a stop is sent at the ask here, and rests there: somebody takes it
            rate = round(plan["stop_rate"] - 50, 2)
            market.freeze("BTCUSDT", [(rate - 30, 5.0)], [(rate, 5.0)])
            resting = "select * from orders where ft_is_open and ft_order_tag = 'stop_loss'"
            bot.wait(lambda: bot.rows(resting), "a resting stop")
            market._post("print", symbol="BTCUSDT", side="buy", rate=rate, amount=1.0)
            trade = bot.closed_trade(60)
        else:
            trade = fall_through_the_stop(bot, market, plan)
    assert trade["exit_reason"] == "stop_loss"
    assert [tag for tag, filled in sold(bot) if filled] == ["tp1", "stop_loss"]
    assert not times_said(bot, "Unable to place order")


def test_a_position_near_the_exchange_s_minimum_is_sold_whole_at_a_target_and_says_so_when_planned(
    new_bot, market
):
    """It stayed open for ever, below freqtrade's padded minimum, while log and chart promised 60/25/15."""
    words = "TP2 and TP3 are below the minimum: all at TP1"
    market._post("symbol", symbol="BTCUSDT", step=0.0001, min_notional=100)
    bot = new_bot(dry_run_wallet=130)
    try:
        with running_bot(bot):
            plan = plan_of(bot)
            # 115 at a minimum of 100, which freqtrade pads to 117
            assert bot.orders()[0]["filled"] == 0.0011
            assert plan["shares"] == [100, 0, 0]
            assert plan["reasons"][1] == f"Low balance: Take profits early | {words}"
            bot.wait(lambda: times_said(bot, words), "the words in the log")
            market.freeze("BTCUSDT", [(plan["target_rates"][0] + 10, 5.0)], [(120_000.0, 5.0)])
            trade = bot.closed_trade(30)
    finally:
        market._post("symbol", symbol="BTCUSDT", step=0.00001, min_notional=5)
    assert trade["exit_reason"] == "tp1"
    assert sold(bot) == [("tp1", 0.001)]


def test_a_dead_book_is_asked_with_growing_pauses_and_the_stop_sells_once_it_lives_again(new_bot, market):
    """Each loop left an order that had ended: 70 a minute in the database."""
    bot = new_bot()
    with running_bot(bot):
        plan = plan_of(bot)
        rate = round(plan["stop_rate"] - 50, 2)
        market.freeze("BTCUSDT", [(rate, 0.0002)], [(rate + 30, 5.0)])
        bot.wait(lambda: ("stop_loss", 0.0002) in sold(bot), "what the thin book takes", 20)
        bot.wait_for_loops(12)
        tries = len(sold(bot))
        assert 2 <= tries <= 6
        trade = fall_through_the_stop(bot, market, plan)
    assert trade["exit_reason"] == "stop_loss"
    assert sum(filled for _, filled in sold(bot)) == pytest.approx(0.00142, abs=1e-12)


@pytest.mark.parametrize("is_live", [False, True], ids=["paper", "live"])
def test_a_position_larger_than_the_largest_market_order_is_sold_in_slices(tmp_path, market, is_live):
    """The exchange refused the stop with MARKET_LOT_SIZE in each loop, and what a person asked for."""
    largest = {"BTC/USDT": (104_870.0, 0.0005, 129), "ETH/USDT": (2_520.0, 0.03, 3125)}
    for pair, (rate, _, _) in largest.items():
        market.freeze(pair.replace("/", ""), [(rate - 1, 50.0)], [(rate, 50.0)])
    bot = ServedBot(tmp_path / "bot", market, pairs=list(largest), is_live=is_live)
    if is_live:
        make_live(bot)
    with running_bot(bot):
        plans = bot.wait(lambda: len(bot.plans()) == 2 and bot.plans(), "two plans")
        bot.stop()
        # the limit follows the turnover of a market; the bot hears of it hourly and at a start
        for pair, (_, most, _) in largest.items():
            market._post("symbol", symbol=pair.replace("/", ""), max_market_amount=most)
        try:
            bot.start()
            bot.wait_for_loops(2)
            (forced,) = bot.rows("select id from trades where pair = 'ETH/USDT'")
            bot.post("forceexit", tradeid=str(forced["id"]), ordertype="market")
            stop_rate = plans["BTC/USDT"]["stop_rate"]
            market.freeze("BTCUSDT", [(stop_rate - 50, 5.0)], [(stop_rate - 20, 5.0)])
            bot.wait(lambda: not any(trade["is_open"] for trade in bot.trades()), "both trades to close", 60)
        finally:
            for pair, (_, _, most) in largest.items():
                market._post("symbol", symbol=pair.replace("/", ""), max_market_amount=most)
    sold = {pair: [(o["ft_order_tag"].split()[0], o["filled"]) for o in sales(bot, pair)] for pair in largest}
    assert sold["BTC/USDT"] == [("stop_loss", 0.0005), ("stop_loss", 0.0005), ("stop_loss", 0.00042)]
    assert sold["ETH/USDT"] == [("force_exit", 0.03), ("force_exit", 0.0115)]
    assert {trade["exit_reason"] for trade in bot.trades()} == {"stop_loss", "force_exit"}
    assert not times_said(bot, "MARKET_LOT_SIZE")
