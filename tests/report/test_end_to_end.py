"""A database that the real bot has written on the embedded exchange."""

import pytest

from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.exits import exits_by_reason
from freqtrade_ext.report.figures import make_report
from tests.bot_process import ROOT, Bot, running_bot, running_market

pytestmark = pytest.mark.timeout(180)

BID, ASK = 104_860.0, 104_870.0
ASKS = [(ASK, 0.0005), (104_880.0, 0.0006), (104_900.0, 5.0)]


def test_report_of_a_real_bots_trade(tmp_path):
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", [(BID, 5.0)], ASKS)
        exchange = {"name": "binance", "pair_whitelist": ["BTC/USDT"], "pair_blacklist": []}
        changes = {"exchange": exchange, "strategy_path": str(ROOT / "tests" / "strategies")}
        bot = Bot(tmp_path / "bot", market, "AlwaysEnter", **changes)
        with running_bot(bot):
            plan = bot.wait(lambda: bot.custom_data().get("plan"), "the plan")
            for number, target in enumerate(plan["target_rates"], 1):
                rate = round(target + 5, 2)
                market.freeze("BTCUSDT", [(rate, 0.0002), (rate - 4, 5.0)], [(rate + 30, 5.0)])
                bot.wait(lambda number=number: len(bot.orders()) > number, f"tp{number}")
            trade = bot.closed_trade()
        report = make_report(read_trades(f"sqlite:///{bot.folder}/bot.sqlite"), 500.0)
    (found,) = (row for row in report.closed if row.id == trade["id"])
    assert found.booked_abs == trade["close_profit_abs"]
    # which counts what the entry's fee left behind, 0.9 of 150 USDT, as if it had been sold
    cost = found.left_amount * trade["open_rate"]
    assert cost == pytest.approx(0.9, abs=0.1)
    assert found.profit_abs == pytest.approx(found.booked_abs - cost, abs=0.002)
    assert found.plan is not None
    assert all(fill.record for fill in found.fills)
    exits = {result.reason: result for result in exits_by_reason([found])}
    for number, share in enumerate(plan["shares"], 1):
        # whole lots of 0.00001 BTC, of 0.00142
        assert exits[f"TP{number}"].sold_share == pytest.approx(share / 100, abs=0.01)
    entry = found.fills[0]
    # 0.0005 at the ask that was decided on, the rest above it
    assert entry.record.decision_rate == ASK
    assert entry.average > ASK
    assert 50 <= entry.record.entry_latency_ms <= 200
    assert entry.record.mid_rate == pytest.approx((BID + ASK) / 2)
    # 0.1 % each way, half the spread, and more for the walk through the book
    paid = report.cost.half_spread + report.cost.slippage
    assert report.fee == pytest.approx(0.001 + paid / report.cost.decided, rel=0.01)
    assert report.fee > 0.001
