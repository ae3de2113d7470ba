"""user_data/live.json: what docs/going-live.md says of it, on paper and with orders that are sent."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from freqtrade.configuration.config_validation import validate_config_schema

from freqtrade_ext.replica.private import API_KEY, API_SECRET
from tests.bot_process import ROOT, Market, running_bot, running_market
from tests.served_bot import ServedBot, exits

pytestmark = pytest.mark.timeout(240)

PAIR = "BTC/USDT"
LIVE = ROOT / "user_data" / "live.json"
ASKS = [(104_870.0, 0.0005), (104_880.0, 5.0)]


def life(folder, **how):
    """Enter, sell at the first target, fall through the stop; return the bot and its closed trade."""
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
            plan = bot.plans()[PAIR]
            assert resting_stop(bot)["amount"] == pytest.approx(0.00094, abs=1e-12)
            exits(bot, market, PAIR, plan["target_rates"][:1])
            bot.wait(lambda: resting_stop(bot), "the stop of what is left")
            # one stop at a time, at the rate of the plan
            assert resting_stop(bot)["stop_price"] == plan["stop_rate"]
            bids = [(plan["stop_rate"] - 50, 5.0)]
            market.freeze("BTCUSDT", bids, [(plan["stop_rate"] + 30, 5.0)])
            market._post("trade", symbol="BTCUSDT", side="sell", amount=0.001)
            trade = bot.closed_trade()
    return bot, trade


def resting_stop(bot):
    stops = bot.rows("select * from orders where ft_order_side = 'stoploss' and ft_is_open")
    assert len(stops) <= 1
    return stops[0] if stops else None


def profit(orders):
    """What came in less what went out; what stays behind counts as freqtrade counts it, at its cost."""
    entry, *sold = (order for order in orders if order["filled"])
    rest = entry["filled"] * 0.999 - sum(order["filled"] for order in sold)
    return sum(order["cost"] * 0.999 for order in sold) + rest * entry["average"] - entry["cost"]


def test_small_size_and_a_stop_on_the_exchange_live_as_on_paper(tmp_path):
    keys = {"FREQTRADE__EXCHANGE__KEY": API_KEY, "FREQTRADE__EXCHANGE__SECRET": API_SECRET}
    with ThreadPoolExecutor() as both:
        on_paper = both.submit(life, tmp_path / "paper")
        for_real = both.submit(life, tmp_path / "live", is_live=True, environment=keys)
    (paper, paper_trade), (live, live_trade) = on_paper.result(), for_real.result()
    assert live_trade["exit_reason"] == paper_trade["exit_reason"] == "stoploss_on_exchange"
    # 150 of the account's money, so one position of the least size: 100 at 104,870
    assert [bot.orders()[0]["filled"] for bot in (paper, live)] == pytest.approx([0.00095] * 2, abs=1e-12)
    for name in ("ft_order_side", "status", "filled"):
        assert [o[name] for o in live.orders()] == [o[name] for o in paper.orders()], name
    for bot, trade in ((paper, paper_trade), (live, live_trade)):
        assert trade["close_profit_abs"] == pytest.approx(profit(bot.orders()), abs=0.01)
    assert paper.state()
    assert live.state() == {}
    assert not [line for line in live.log.splitlines() if " - ERROR - " in line]


def test_live_by_the_overlay_alone():
    """`freqtrade trade` with config.json stays on paper; the overlay is valid, and changes what it names."""
    config = json.loads((ROOT / "config.json").read_text())
    overlay = json.loads(LIVE.read_text())
    assert config["dry_run"] is True
    assert overlay["dry_run"] is False
    validate_config_schema(config | overlay)
    changed = {
        name for name, value in overlay["order_types"].items() if config["order_types"].get(name) != value
    }
    assert changed == {"stoploss", "stoploss_on_exchange", "stoploss_on_exchange_limit_ratio"}
