"""user_data/live.json: what docs/going-live.md says of it, on paper and with orders that are sent."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from freqtrade.configuration.config_validation import validate_config_schema

from freqtrade_ext.replica.private import API_KEY, API_SECRET
from freqtrade_ext.strategy.in_front import MARKET_ORDERS
from tests.bot_process import ROOT, Market, running_bot, running_market
from tests.served_bot import ServedBot, exits

pytestmark = pytest.mark.timeout(240)

PAIR = "BTC/USDT"
LIVE = ROOT / "user_data" / "live.json"
ASKS = [(104_870.0, 0.0005), (104_880.0, 5.0)]


@contextmanager
def managed_bot(folder, **how):
    """A bot with live.json on a market of its own, once its stop is on the exchange."""
    folder.mkdir()
    with running_market(folder, "--pairs", PAIR, "--scenario", "calm", "--seed", "1") as exchange:
        overlay = copy.deepcopy(exchange.overlay)
        for name in ("key", "secret"):
            del overlay["exchange"][name]
        market = Market(overlay)
        market.freeze("BTCUSDT", [(104_860.0, 5.0)], ASKS)
        bot = ServedBot(folder / "bot", market, overlays=[LIVE], **how)
        with running_bot(bot):
            bot.wait(lambda: resting_stop(bot), "the stop on the exchange")
            yield bot, market


def fall(market, rate):
    """Let a trade print at this rate, which is the best bid."""
    market.freeze("BTCUSDT", [(rate, 5.0)], [(rate + 80, 5.0)])
    market._post("trade", symbol="BTCUSDT", side="sell", amount=0.001)


def life(folder, **how):
    """Enter, sell at the first target, fall through the stop; return the bot and its closed trade."""
    with managed_bot(folder, **how) as (bot, market):
        plan = bot.plans()[PAIR]
        assert resting_stop(bot)["amount"] == pytest.approx(0.00094, abs=1e-12)
        exits(bot, market, PAIR, plan["target_rates"][:1])
        bot.wait(lambda: resting_stop(bot), "the stop of what is left")
        # one stop at a time, at the rate of the plan
        assert resting_stop(bot)["stop_price"] == plan["stop_rate"]
        fall(market, plan["stop_rate"] - 50)
        trade = bot.closed_trade()
    return bot, trade


def gap(folder, **how):
    """Fall further than the stop's limit at once; return the orders some loops later."""
    with managed_bot(folder, **how) as (bot, market):
        fall(market, bot.plans()[PAIR]["stop_rate"] * 0.95)
        bot.wait_for_loops(5)
        orders = bot.rows("select * from orders order by id")
        return [(o["ft_order_side"], o["status"], o["filled"]) for o in orders]


def resting_stop(bot):
    stops = bot.rows("select * from orders where ft_order_side = 'stoploss' and ft_is_open")
    assert len(stops) <= 1
    return stops[0] if stops else None


def profit(orders):
    """What came in less what went out; what stays behind counts as freqtrade counts it, at its cost."""
    entry, *sold = (order for order in orders if order["filled"])
    rest = entry["filled"] * 0.999 - sum(order["filled"] for order in sold)
    return sum(order["cost"] * 0.999 for order in sold) + rest * entry["average"] - entry["cost"]


def on_paper_and_live(what, folder):
    keys = {"FREQTRADE__EXCHANGE__KEY": API_KEY, "FREQTRADE__EXCHANGE__SECRET": API_SECRET}
    with ThreadPoolExecutor() as both:
        on_paper = both.submit(what, folder / "paper")
        for_real = both.submit(what, folder / "live", is_live=True, environment=keys)
    return on_paper.result(), for_real.result()


def test_small_size_and_a_stop_on_the_exchange_live_as_on_paper(tmp_path):
    (paper, paper_trade), (live, live_trade) = on_paper_and_live(life, tmp_path)
    assert live_trade["exit_reason"] == paper_trade["exit_reason"] == "stoploss_on_exchange"
    # 110 of the account's money, so one position of the least size: 100 at 104,870
    assert [bot.orders()[0]["filled"] for bot in (paper, live)] == pytest.approx([0.00095] * 2, abs=1e-12)
    for name in ("ft_order_side", "status", "filled"):
        assert [o[name] for o in live.orders()] == [o[name] for o in paper.orders()], name
    for bot, trade in ((paper, paper_trade), (live, live_trade)):
        assert trade["close_profit_abs"] == pytest.approx(profit(bot.orders()), abs=0.01)
    assert paper.state()
    assert live.state() == {}
    assert not [line for line in live.log.splitlines() if " - ERROR - " in line]


def test_a_gap_beyond_the_limit_of_the_stop_leaves_the_position_unsold_live_as_on_paper(tmp_path):
    paper, live = on_paper_and_live(gap, tmp_path)
    assert paper == live == [("buy", "closed", pytest.approx(0.00095)), ("stoploss", "open", 0.0)]


def test_live_by_the_overlay_alone():
    """`freqtrade trade` with config.json stays on paper; the overlay is valid, and changes what it names."""
    config = json.loads((ROOT / "config.json").read_text())
    overlay = json.loads(LIVE.read_text())
    assert config["dry_run"] is True
    assert overlay["dry_run"] is False
    validate_config_schema(config | overlay)
    changed = {name for name, value in overlay["order_types"].items() if MARKET_ORDERS.get(name) != value}
    assert changed == {"stoploss", "stoploss_on_exchange", "stoploss_on_exchange_limit_ratio"}
