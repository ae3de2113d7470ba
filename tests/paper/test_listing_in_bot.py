"""Pairs with open trades that the exchange halts, or does not list any more."""

import json
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

from freqtrade_ext.paper.listing import OPEN_SECONDS
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
def bot_on(folder, pairs, refresh_minutes):
    """A market that stands still, and a bot that enters at once; 0 reloads its markets in each loop."""
    config = json.loads((ROOT / "config.json").read_text())
    exchange = config["exchange"] | {
        "pair_whitelist": list(pairs),
        "markets_refresh_interval": refresh_minutes,
    }
    changes = {"exchange": config["exchange"] | exchange, "strategy_path": str(ROOT / "tests" / "strategies")}
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


def test_a_halted_pair_takes_no_order_until_it_opens(tmp_path):
    """Paper orders filled from the frozen book; freqtrade itself hears of a halt within the hour."""
    with bot_on(tmp_path, ["BTC/USDT"], refresh_minutes=60) as (market, bot), running_bot(bot):
        bot.wait(lambda: len(bot.trades()) == 1, "a trade", 60)
        set_status(market, "BTC/USDT", "HALT")
        bot.wait_for_loops(2 * OPEN_SECONDS)
        quote(market, "BTC/USDT", 60_000.0)
        bot.wait(lambda: "Market is closed" in bot.log, "the stop to be refused", 60)
        bot.wait_for_loops(3)
        assert closed(bot) == set()
        set_status(market, "BTC/USDT", "TRADING")
        bot.wait(lambda: closed(bot) == {"BTC/USDT"}, "the stop", 90)
