"""Pairs with open trades that the exchange halts, or does not list any more."""

import json
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

from freqtrade_ext.paper.listing import OPEN_SECONDS
from freqtrade_ext.strategy.in_front import MARKET_ORDERS
from tests.bot_process import ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(200)

PAIRS = {"BTC/USDT": 104_000.0, "ETH/USDT": 3_300.0}


def control(market, path, **body):
    with urlopen(Request(f"{market.url}/control/{path}", json.dumps(body).encode()), timeout=5) as answer:
        assert answer.status == 200


def set_status(market, pair, status):
    control(market, "symbol", symbol=pair.replace("/", ""), status=status)


def quote(market, pair, rate):
    market.freeze(pair.replace("/", ""), [(rate, 1e4)], [(round(rate * 1.0002, 2), 1e4)])


@contextmanager
def bot_on(folder, pairs, refresh_minutes, **changes):
    """A market that stands still, and a bot that enters at once; 0 reloads its markets in each loop."""
    config = json.loads((ROOT / "config.json").read_text())
    exchange = config["exchange"] | {
        "pair_whitelist": list(pairs),
        "markets_refresh_interval": refresh_minutes,
    }
    changes |= {"exchange": exchange, "strategy_path": str(ROOT / "tests" / "strategies")}
    with running_market(folder, "--pairs", *pairs, "--scenario", "calm") as market:
        for pair in pairs:
            quote(market, pair, PAIRS[pair])
        bot = Bot(folder / "bot", market, "AlwaysEnter", **changes)
        yield market, bot


def test_a_pair_with_an_open_trade_that_vanishes_ends_nothing(tmp_path):
    """The bot ended with "Fatal exception!"; now the other trade keeps its stop, and the pair's own waits."""
    with bot_on(tmp_path, PAIRS, refresh_minutes=0) as (market, bot), running_bot(bot):
        bot.wait(lambda: len(bot.trades()) == 2, "two trades", 60)
        set_status(market, "BTC/USDT", "DELISTED")
        bot.wait(lambda: "does not list BTC/USDT" in bot.log, "the pair to be missed")
        bot.wait_for_loops(5)
        quote(market, "ETH/USDT", 2_000.0)
        bot.wait(lambda: closed(bot) == {"ETH/USDT"}, "the stop of the other trade", 30)
        quote(market, "BTC/USDT", 60_000.0)
        bot.wait_for_loops(3)
        assert closed(bot) == {"ETH/USDT"}
        set_status(market, "BTC/USDT", "TRADING")
        bot.wait(lambda: closed(bot) == set(PAIRS), "the stop of the pair that came back", 90)
        assert "Fatal exception" not in bot.log


def closed(bot):
    return {trade["pair"] for trade in bot.trades() if not trade["is_open"]}


def test_a_halted_pair_takes_no_order_and_fills_none_until_it_opens(tmp_path):
    """Paper orders filled from the frozen book; freqtrade itself hears of a halt within the hour."""
    config = json.loads((ROOT / "config.json").read_text())
    at_the_ask = {
        "order_types": MARKET_ORDERS | {"exit": "limit"},
        "exit_pricing": config["exit_pricing"] | {"price_side": "same"},
    }
    with bot_on(tmp_path, ["BTC/USDT"], refresh_minutes=60, **at_the_ask) as (market, bot), running_bot(bot):
        target = bot.wait(lambda: bot.custom_data().get("plan"), "the plan")["target_rates"][0]
        quote(market, "BTC/USDT", round(target + 1, 2))
        resting = "select * from orders where ft_is_open"
        bot.wait(lambda: bot.rows(resting), "a resting tp1")
        set_status(market, "BTC/USDT", "HALT")
        bot.wait_for_loops(OPEN_SECONDS)
        quote(market, "BTC/USDT", round(target + 100, 2))
        bot.wait_for_loops(3)
        assert [order["filled"] for order in bot.rows(resting)] == [0]
        quote(market, "BTC/USDT", 60_000.0)
        bot.wait(lambda: "Market is closed" in bot.log, "the stop to be refused", 60)
        bot.wait_for_loops(3)
        assert closed(bot) == set()
        assert not bot.rows(resting)
        set_status(market, "BTC/USDT", "TRADING")
        assert bot.closed_trade(60)["exit_reason"] == "stop_loss"
        _, sold = [order for order in bot.orders() if order["filled"]]
        assert sold["ft_order_tag"].startswith("stop_loss")
