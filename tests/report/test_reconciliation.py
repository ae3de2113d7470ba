"""The report's cash and coins against the paper account, to the cent, after hours of real trading."""

import json
import sqlite3
from collections import defaultdict
from contextlib import closing

import pytest
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC

from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.reading import moved as moved_by
from tests.soak.virtual_bot import WALLET, VirtualBot

pytestmark = pytest.mark.timeout(400)

HALF_HOUR_MS = 1_800_000
PAIRS = ("BTC/USDT", "XRP/USDT", "BNB/USDT")


def sell_half(bot):
    trade = Trade.get_open_trades()[0]
    RPC(bot.worker.freqtrade)._rpc_force_exit(str(trade.id), amount=trade.amount / 2)


def sell_all(bot):
    RPC(bot.worker.freqtrade)._rpc_force_exit("all")


def delete(bot):
    RPC(bot.worker.freqtrade)._rpc_delete(Trade.get_open_trades()[-1].id)


def cash(trade):
    """Return what a trade moved of the stake currency."""
    return moved_by(trade.pair, trade.fills)[0]


@pytest.mark.parametrize("fee_asset", ["received", "bnb"])
def test_cash_and_coins_left_behind_are_those_of_the_account(fee_asset, tmp_path):
    """The report said +0.291 where cash was -2.343, with coins worth 2.67 left."""
    bot = VirtualBot(tmp_path, "AlwaysEnter", PAIRS, seed=5, scenario="volatile", activity=0.02)
    end_ms = bot.start_ms + 9 * HALF_HOUR_MS

    def direct(bot, script):
        for number, happening in enumerate((sell_half, sell_all, delete, sell_all) * 2, 1):
            at_ms = bot.start_ms + number * HALF_HOUR_MS + 90_000
            script.at(at_ms, lambda happening=happening: happening(bot))

    wallet = {"USDT": WALLET, "BNB": 0.01, "XRP": 7.0}
    bot.run(end_ms, direct, dry_run_wallet=wallet, freqtrade_ext={"fee_asset": fee_asset})
    with closing(sqlite3.connect(bot.database)) as database:
        (stored,) = database.execute("select value from paper_state where key = 'account'").fetchone()
    moved = {currency: float(units) for currency, units in json.loads(stored)["moved"].items()}

    trades = read_trades(f"sqlite:///{bot.database}")
    assert len([trade for trade in trades if not trade.is_open]) >= 10
    assert sum(cash(trade) for trade in trades) == pytest.approx(moved["USDT"], abs=0.005)
    coins, fees = defaultdict(float), 0.0
    for trade in trades:
        coins[trade.pair.partition("/")[0]] += trade.left_amount
        if trade.pair != "BNB/USDT":
            fees += sum(fill.fees.get("BNB", 0.0) for fill in trade.fills)
    coins["BNB"] -= fees
    for currency in ("BTC", "XRP", "BNB"):
        assert coins[currency] == pytest.approx(moved.get(currency, 0.0), abs=1e-9)

    report = make_report(trades, WALLET)
    spent = sum(cash(trade) for trade in report.open)
    elsewhere = sum(cash(trade) - trade.profit_abs for trade in report.closed)
    balance = report.start + report.result.profit_abs + elsewhere + spent
    assert balance == pytest.approx(WALLET + moved["USDT"], abs=0.005)
    assert report.points[-1].balance == pytest.approx(WALLET + report.result.profit_abs + report.left_abs)
