"""Two virtual days of futures by the bot's own loop: freqtrade's numbers and the account's, to the cent."""

import json
import sqlite3
from contextlib import closing

import pytest

from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.reading import moved
from tests.bot_process import Forked

pytestmark = pytest.mark.timeout(400)

WALLET = 500.0


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    yield from replay(tmp_path_factory.mktemp("futures"), "isolated")


@pytest.fixture
def replayed_cross(tmp_path):
    yield from replay(tmp_path, "cross")


def replay(folder, mode):
    """Yield trades, their orders, and the paper account after the replay of tests/futures_replay.py."""
    (folder / "user_data").mkdir()
    process = Forked(folder, "tests.futures_replay", "out", mode)
    said, _ = process.communicate(380)
    assert process.returncode == 0, said
    (path,) = (folder / "out").glob("*.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        trades = database.execute("select * from trades order by id").fetchall()
        orders = database.execute("select * from orders order by id").fetchall()
        row = database.execute("select value from paper_state where key = 'account'").fetchone()
        yield trades, orders, json.loads(row["value"]), path


def check_account(trades, account):
    """What freqtrade has realized is what the account has gained."""
    realized = sum(trade["realized_profit"] for trade in trades)
    # what open trades have paid: the entry's fee and the funding since the last fill
    paid = sum(
        trade["fee_open"] * trade["amount"] * trade["open_rate"] - (trade["funding_fee_running"] or 0)
        for trade in trades
        if trade["is_open"]
    )
    assert float(account["moved"]["USDT"]) == pytest.approx(realized - paid, abs=0.005)


def test_freqtrade_and_the_account_agree_after_funding_and_a_liquidation(replayed):
    trades, orders, account, _ = replayed
    check_account(trades, account)
    assert {bool(trade["is_short"]) for trade in trades} == {True, False}
    assert sum(abs(order["funding_fee"] or 0) for order in orders) > 0.05


def test_the_cash_of_the_report_is_that_of_the_account(replayed):
    trades, orders, account, path = replayed
    funding = {trade["id"]: trade["funding_fee_running"] or 0 for trade in trades if trade["is_open"]}
    for order in orders:
        trade_id = order["ft_trade_id"]
        funding[trade_id] = funding.get(trade_id, 0) + (order["funding_fee"] or 0)
    rows = read_trades(f"sqlite:///{path}")
    cash = {row.id: moved(row.pair, row.fills)[0] + funding.get(row.id, 0) for row in rows}
    assert float(account["moved"]["USDT"]) == pytest.approx(sum(cash.values()), abs=0.005)
    # and so is what the report shows: the result of closed trades, and what open ones have moved
    report = make_report(rows, WALLET)
    shown = report.start + report.result.profit_abs + sum(cash[row.id] for row in report.open)
    assert shown == pytest.approx(WALLET + float(account["moved"]["USDT"]), abs=0.005)


def test_the_liquidated_trade_lost_its_margin(replayed):
    trades, orders, _, _ = replayed
    (liquidated,) = (trade for trade in trades if trade["exit_reason"] == "liquidation")
    last = [order for order in orders if order["ft_trade_id"] == liquidated["id"]][-1]
    assert last["ft_order_tag"].startswith("liquidation")
    assert last["order_id"].startswith("dry_run_liquidation_")
    margin = last["filled"] * liquidated["open_rate"] / liquidated["leverage"]
    lost = (
        last["filled"] * (liquidated["open_rate"] - last["average"]) + last["average"] * last["filled"] * 5e-4
    )
    assert lost == pytest.approx(margin, abs=0.01)


def test_with_cross_margin_a_fall_takes_the_balance_and_no_more(replayed_cross):
    """What was at stake left out the margin of other positions; by 70 % at ten times leverage all is lost."""
    trades, _, account, _ = replayed_cross
    assert "liquidation" in {trade["exit_reason"] for trade in trades}
    left = WALLET + float(account["moved"]["USDT"])
    assert -0.005 < left < 0.1 * WALLET
    check_account(trades, account)
