"""
The real bot on each venue, spot and futures, long and short: start, feed, entry, two targets, restart, stop.

Streams are silent at the second target and lose messages after the restart; the line is dead at the stop.
"""

import json
import sqlite3
import time
from contextlib import closing
from itertools import count
from types import SimpleNamespace

import pytest

from tests.bot_process import ROOT, Bot, Forked, running_bot
from tests.feed.followed import at_once
from tests.venues.binance import BinanceFutures
from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx

pytestmark = pytest.mark.timeout(240)

# venue, pair, taker fee of the lowest tier
SPOT = {
    "bybit-spot": (Bybit, "BTC/USDT", 0.001),
    "okx-spot": (Okx, "BTC/USDT", 0.001),
    "hyperliquid-spot": (Hyperliquid, "BTC/USDC", 0.0007),
}
FUTURES = {
    "binance-futures": (BinanceFutures, "BTC/USDT:USDT", 0.0005),
    "bybit-linear": (Bybit, "BTC/USDT:USDT", 0.00055),
    "okx-swap": (Okx, "BTC/USDT:USDT", 0.0005),
    "hyperliquid-perps": (Hyperliquid, "BTC/USDC:USDC", 0.00045),
}
RATE = 100_000


class VenueBot(Bot):
    """The bot with the overlay of a stub venue."""

    def __init__(self, folder, stub, strategy):
        self.stub = stub
        super().__init__(
            folder,
            SimpleNamespace(overlay=stub.overlay()),
            strategy,
            strategy_path=str(ROOT / "tests" / "strategies"),
            dry_run_wallet=5000,
        )

    def balances(self):
        with closing(sqlite3.connect(self.folder / "bot.sqlite")) as database:
            row = database.execute("select value from paper_state where key = 'account'").fetchone()
        return json.loads(row[0])


def quote(stub, rate):
    stub.book("BTC", [(rate - 10, 5), (rate - 20, 50)], [(rate, 0.0005), (rate + 10, 50)])


@pytest.mark.parametrize(
    ("cases", "is_short"), [(SPOT, False), (FUTURES, False), (FUTURES, True)], ids=["spot", "long", "short"]
)
def test_a_trade_s_whole_life(cases, is_short, tmp_path):
    at_once(live, {name: (tmp_path / name, is_short, *case) for name, case in cases.items()})


def live(folder, is_short, venue, pair, fee):
    futures = ":" in pair
    with venue([pair], futures=futures) as stub:
        quote(stub, RATE)
        bot = VenueBot(folder, stub, "Short" if is_short else "AlwaysEnter")
        with running_bot(bot):
            bot.wait(bot.orders, "the entry")
            entry = bot.orders()[0]
            check_entry(entry, is_short)
            targets = bot.wait(lambda: bot.custom_data().get("plan"), "the plan")["target_rates"]
            quote(stub, round(targets[0]) + (-20 if is_short else 20))
            bot.wait(lambda: len(bot.orders()) == 2, "the first target")
            asked = sum(count for path, count in stub.requests.items() if is_book(path))
            bot.wait_for_loops(5)
            # the feed answers; as this market is silent, it is compared with REST every few seconds
            assert sum(count for path, count in stub.requests.items() if is_book(path)) - asked < 5
            stub.silence("")
            second = round(targets[1]) + (-20 if is_short else 20)
            quote(stub, second)
            bot.wait(lambda: len(bot.orders()) == 3, "the second target")
            stub.speak()
        # killed, and started again where it was
        with running_bot(bot):
            bot.wait_for_loops(2)
            assert len(bot.orders()) == 3
            if stub.EXCHANGE != "hyperliquid":  # whose messages are whole books without numbers
                lose_messages(bot, stub, second)
            stub.cut()
            stop = bot.trades()[0]["stop_loss"]
            quote(stub, round(stop) + (200 if is_short else -200))
            trade = bot.closed_trade()
        assert trade["exit_reason"] == "stop_loss"
        assert trade["exchange"] == stub.EXCHANGE
        check_money(bot, trade, fee, futures)


def lose_messages(bot, stub, rate):
    """Lose messages of the book until the bot, just started, has noticed; then let them come again."""
    started, rates = bot.log.rindex("Changing state to: RUNNING"), count(rate)

    def has_said(text, losing):
        if losing:
            stub.lose("^(orderbook|books)", 1)
        for _ in range(2):
            quote(stub, next(rates))
            time.sleep(0.3)
        return text in bot.log[started:]

    bot.wait(lambda: has_said("REST serves", losing=True), "the gap to be noticed")
    bot.wait(lambda: has_said("in step again", losing=False), "the book to be in step again")


def is_book(path):
    return "orderbook" in path or "books" in path or "l2Book" in path


def check_entry(entry, is_short):
    """Walked level by level: 0.0005 at the best ask, the rest 10 above; a short all at the bid."""
    amount = entry["filled"]
    cost = amount * (RATE - 10) if is_short else 0.0005 * RATE + (amount - 0.0005) * (RATE + 10)
    assert entry["cost"] == pytest.approx(cost, abs=1e-6)


def check_money(bot, trade, fee, futures):
    """freqtrade's profit is what the account has gained, but for coins that lots leave behind."""
    account, quote_name = bot.balances(), bot.stub.quote
    sign = -1 if trade["is_short"] else 1
    orders = bot.orders()
    moved = float(account["moved"][quote_name])
    sides = [1 if order["side"] == "sell" else -1 for order in orders]
    expected = sum(side * order["cost"] for side, order in zip(sides, orders, strict=True))
    if futures:
        expected -= sum(order["cost"] for order in orders) * fee
        # where an hour has ended meanwhile
        expected += sum(float(paid) for rows in account["funding"]["paid"].values() for _, paid in rows)
        assert account["positions"] == {}
        assert trade["realized_profit"] == pytest.approx(moved, abs=0.005)
    else:
        expected -= sum(order["cost"] for order in orders[1:]) * fee
        left = orders[0]["filled"] * (1 - fee) - sum(order["filled"] for order in orders[1:])
        assert float(account["moved"]["BTC"]) == pytest.approx(left, abs=1e-9)
    assert moved == pytest.approx(expected, abs=1e-6)
    assert sign * (orders[1]["average"] - orders[0]["average"]) > 0


def test_bybit_s_overlay_on_another_venue_s_database_is_refused(tmp_path):
    """The documented commands one after another put a Bybit trade into OKX's account without a word."""
    with Bybit(["BTC/USDT"]) as bybit, Okx(["BTC/USDT"]) as okx:
        quote(bybit, RATE)
        quote(okx, RATE)
        first = VenueBot(tmp_path / "bot", bybit, "AlwaysEnter")
        with running_bot(first):
            first.wait(first.orders, "the entry")
        second = VenueBot(tmp_path / "other", okx, "AlwaysEnter")
        options = ["--config", "config.json", "--config", "overlay.json"]
        options += ["--db-url", f"sqlite:///{first.folder / 'bot.sqlite'}"]
        said, _ = Forked(second.folder, "freqtrade", "trade", "--dry-run", *options).communicate(100)
        # freqtrade wraps what it prints
        assert "open trade of bybit spot, paper" in " ".join(said.split())
