"""A futures position of one lot, just above the least notional, from its plan to its end."""

import json
from datetime import timedelta

import pytest
from freqtrade.persistence import Trade

from tests.bot_process import ROOT
from tests.soak.audit import Books
from tests.soak.troubles import direct
from tests.soak.virtual_bot import VirtualBot

pytestmark = pytest.mark.timeout(300)

PAIR = "BTC/USDT:USDT"
WORDS = "TP1 and TP2 are below the minimum: all at TP3"
SHIPPED = json.loads((ROOT / "user_data" / "binance_futures.json").read_text())


def test_the_smallest_futures_position_is_sold_at_the_target_that_was_said_when_it_was_planned(
    tmp_path, caplog
):
    """$105 at a least notional of 100 stayed open at +5.5, +12 and +19 %, while 40/30/30 was promised."""
    bot = VirtualBot(tmp_path, "AlwaysEnter", ["BTC/USDT"], seed=3, scenario="calm", activity=0.05)
    seen = []

    def rise(target):
        rate = Trade.get_open_trades()[0].get_custom_data("plan")["target_rates"][target]
        book = {"bids": [[round(rate + 5, 1), 5.0]], "asks": [[round(rate + 10, 1), 5.0]]}
        direct(bot.replica.url, "book", symbol="BTCUSDT", **book)

    def look():
        strategy = bot.worker.freqtrade.strategy
        candles, _ = strategy.dp.get_analyzed_dataframe(PAIR, strategy.timeframe)
        chart = strategy.manager.journal.chart.annotations(PAIR, candles, timedelta(minutes=5))
        labels = {
            drawn["label"].split(": ")[-1].split(" ")[0] for drawn in chart if "sells" in drawn["label"]
        }
        (trade,) = Trade.get_open_trades()
        seen.append((trade.amount, trade.get_custom_data("plan"), labels))

    def act(bot, script):
        acts = (look, lambda: rise(0), look, lambda: rise(1), look, lambda: rise(2))
        for number, action in enumerate(acts, 1):
            script.at(bot.start_ms + number * 20_000, action)

    changes = {name: SHIPPED[name] for name in ("trading_mode", "margin_mode")}
    bot.run(bot.start_ms + 150_000, act, **changes)
    assert [amount for amount, _, _ in seen] == [0.001] * 3
    for _, plan, labels in seen:
        assert plan["shares"] == [0, 0, 100]
        assert plan["reasons"][1].endswith(WORDS)
        assert labels == {"TP3"}
    assert caplog.text.count(f"{PAIR}: {plan['reasons'][1]}") == 1
    books = Books(bot.database)
    assert [order["filled"] for order in books.orders] == [0.001, 0.001]
    assert books.trades[0]["exit_reason"] == "tp3"
