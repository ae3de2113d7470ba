"""With `dry_run: false` nothing of the paper exchange is in the way; the same strategy trades for real."""

import inspect
import json
from contextlib import ExitStack

import pytest
from freqtrade.exchange import Binance, Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.seams import OVERRIDDEN
from freqtrade_ext.replica import Replica
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(240)

PAIR = "BTC/USDT"
ASKS = [(104_870.0, 0.0005), (104_880.0, 0.0006), (104_900.0, 5.0)]
BIDS = [(104_860.0, 5.0)]
FEE = 0.001


def test_install_leaves_a_live_exchange_as_freqtrade_made_it():
    with Replica(seed=1, pairs=[PAIR], scenario="calm") as replica:
        config = {
            "dry_run": False,
            "stake_currency": "USDT",
            "trading_mode": "spot",
            "margin_mode": "",
            "candle_type_def": "spot",
            "runmode": "live",
            "exchange": replica.overlay()["exchange"] | {"enable_ws": False, "pair_whitelist": [PAIR]},
        }
        exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
        before = set(vars(exchange))
        assert install(exchange, Settings()) is None
        assert type(exchange) is Binance
        assert set(vars(exchange)) == before
        for name, method in inspect.getmembers(exchange, inspect.ismethod):
            if name in OVERRIDDEN:
                assert method.__func__ is inspect.getattr_static(Binance, name, None) or (
                    method.__func__ is inspect.getattr_static(Exchange, name)
                ), name
        exchange.close()


class LiveBot(Bot):
    """`freqtrade trade` without --dry-run; its orders go to the embedded exchange's signed endpoints."""

    mode = ()

    def start(self):
        make_live(self)
        super().start()


def make_live(bot):
    path = bot.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dry_run": False}))


def life(kind, folder):
    """Enter, sell at the first target, fall through the stop; return the orders and the bot."""
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": [PAIR]}
    folder.mkdir()
    with running_market(folder, "--pairs", PAIR, "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", BIDS, ASKS)
        strategies = str(ROOT / "tests" / "strategies")
        bot = kind(folder / "bot", market, "AlwaysEnter", exchange=exchange, strategy_path=strategies)
        with running_bot(bot):
            bot.wait(bot.orders, "the entry")
            plan = bot.wait(lambda: bot.custom_data().get("plan"), "the plan")
            first = plan["target_rates"][0]
            bids = [(round(first + 9, 2), 0.0002), (round(first + 4, 2), 0.0001), (round(first + 1, 2), 5.0)]
            market.freeze("BTCUSDT", bids, [(round(first + 30, 2), 5.0)])
            bot.wait(lambda: len(bot.orders()) == 2, "the first target")
            stop = plan["stop_rate"]
            bids = [(round(stop - 50, 2), 0.0003), (round(stop - 200, 2), 5.0)]
            market.freeze("BTCUSDT", bids, [(round(stop + 30, 2), 5.0)])
            trade = bot.closed_trade()
    return bot, trade, plan


def above_its_level(bot, plan):
    """How far entry, first target and stop were filled from the rates of the plan."""
    levels = (plan["entry_rate"], plan["target_rates"][0], plan["stop_rate"])
    return [order["average"] - level for order, level in zip(bot.orders(), levels, strict=True)]


def test_the_same_strategy_trades_live_as_on_paper(tmp_path):
    paper, paper_trade, paper_plan = life(Bot, tmp_path / "paper")
    live, live_trade, live_plan = life(LiveBot, tmp_path / "live")
    compared = ("side", "order_type", "status", "amount", "filled")
    live_orders, paper_orders = (
        [[o[name] for name in compared] for o in bot.orders()] for bot in (live, paper)
    )
    assert live_orders == paper_orders
    assert [o["side"] for o in live.orders()] == ["buy", "sell", "sell"]
    # the candles before are those of the minute in which a market was started, and levels follow from them
    assert above_its_level(live, live_plan) == pytest.approx(above_its_level(paper, paper_plan), abs=1e-6)
    assert live_plan["entry_rate"] == pytest.approx(paper_plan["entry_rate"], rel=1e-9)
    for fact in ("shares", "target_percents"):
        assert live_plan[fact] == paper_plan[fact]
    assert live_trade["exit_reason"] == paper_trade["exit_reason"] == "stop_loss"
    stops_apart = (live_plan["stop_rate"] - paper_plan["stop_rate"]) * live.orders()[-1]["filled"] * (1 - FEE)
    profits_apart = live_trade["close_profit_abs"] - paper_trade["close_profit_abs"]
    assert profits_apart == pytest.approx(stops_apart, abs=1e-3)
    # real orders have the exchange's numbers, and nothing of the paper exchange was there
    assert all(o["order_id"].isdigit() for o in live.orders())
    assert all(o["order_id"].startswith("dry_run") for o in paper.orders())
    assert paper.rows("select * from paper_state")
    assert live.rows("select * from paper_state") == []


def test_real_money_stays_within_a_numeric_stake_amount(tmp_path):
    """A stake_amount of 10 became a real position of 148.5, without a word."""
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": [PAIR]}
    own = {"exchange": exchange, "strategy_path": str(ROOT / "tests" / "strategies"), "stake_amount": 10}
    section = {"freqtrade_ext": {"exceed_stake_amount": True}}
    with running_market(tmp_path, "--pairs", PAIR, "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", BIDS, ASKS)
        with ExitStack() as running:
            held, free = (
                running.enter_context(
                    running_bot(LiveBot(tmp_path / name, market, "AlwaysEnter", **own, **more))
                )
                for name, more in (("held", {}), ("free", section))
            )
            free.wait(free.orders, "the entry")
            refusal = "exceed stake_amount 10 of config.json"
            held.wait(lambda: refusal in said(held), "the refusal")
            held.wait_for_loops(2)
            assert held.orders() == []
            assert said(held).count(refusal) == 1
            assert "stake_amount 10 of the configuration does not count" in said(held)


def said(bot):
    """Return the log as one line, however freqtrade wrapped it."""
    return " ".join(bot.log.split())
