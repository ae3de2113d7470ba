"""What is on disk after kill -9: the engine's state and freqtrade's own rows, both or neither."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from urllib.request import Request, urlopen

import pytest
from freqtrade.persistence import Order, Trade, init_db
from freqtrade.resolvers import ExchangeResolver
from sqlalchemy import delete

from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.store import DatabaseStore, PaperState
from freqtrade_ext.replica import Replica
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT
from tests.fills.scripted_market import free

PAIR = "BTC/USDT"
BOOK = {"bids": [(99_990.0, 1.0)], "asks": [(100_000.0, 0.5), (100_010.0, 9.0)]}


@pytest.fixture
def replica():
    with Replica(seed=1, pairs=[PAIR], scenario="calm") as replica:
        control(replica, "book", **BOOK)
        yield replica


def control(replica, path, **body):
    body = json.dumps({"symbol": "BTCUSDT"} | body).encode()
    with urlopen(Request(f"{replica.url}/control/{path}", body), timeout=10) as answer:
        assert answer.status == 200


def open_bot(exchange_config, database):
    """The exchange and the database as the bot's start leaves them."""
    init_db(f"sqlite:///{database}")
    config = {
        "dry_run": True,
        "dry_run_wallet": {"USDT": 1e6, "BTC": 1.0},
        "stake_currency": "USDT",
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": "spot",
        "runmode": "dry_run",
        "exchange": exchange_config | {"enable_ws": False, "pair_whitelist": [PAIR]},
    }
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    install(exchange, Settings(latency_ms=(1.0, 2.0), seed=1, feed=False))
    return exchange


def new_trade(*orders):
    """What freqtrade notes of a trade, before the commit."""
    trade = Trade(
        pair=PAIR,
        stake_amount=100_000.0,
        amount=1.0,
        open_rate=100_000.0,
        open_date=datetime.now(UTC),
        fee_open=0.001,
        fee_close=0.001,
        exchange="binance",
        is_open=True,
    )
    for order in orders:
        side = order.get("ft_order_type", order["side"])
        trade.orders.append(Order.parse_from_ccxt_object(order, PAIR, side))
    Trade.session.add(trade)
    return trade


def buy_and_die(exchange_config, database, moment):
    """Buy as freqtrade's execute_entry does: order first, then the trade, then one commit for all."""
    exchange = open_bot(exchange_config, database)
    order = exchange.create_order(
        pair=PAIR, ordertype="limit", side="buy", amount=1.0, rate=100_000.0, leverage=1.0
    )
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    new_trade(order)
    if moment == "before the commit":
        Trade.session.flush()  # written, yet not committed
        os.kill(os.getpid(), signal.SIGKILL)
    Trade.commit()
    os.kill(os.getpid(), signal.SIGKILL)


def killed(replica, database, moment):
    call = "import json, sys, tests.paper.test_store as t; t.buy_and_die(*json.load(sys.stdin))"
    arguments = json.dumps([replica.overlay()["exchange"], str(database), moment])
    done = subprocess.run(
        [sys.executable, "-c", call],
        input=arguments,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    with closing(sqlite3.connect(database)) as rows:
        orders = [row[0] for row in rows.execute("select order_id from orders")]
        states = [row[0] for row in rows.execute("select key from paper_state")]
    return orders, states


@pytest.mark.parametrize("moment", ["before", "before the commit"])
def test_killed_before_freqtrades_commit_neither_has_the_order(moment, replica, tmp_path):
    assert killed(replica, tmp_path / "bot.sqlite", moment) == ([], [])


def test_killed_after_the_commit_both_have_it_and_the_prints_missed_meanwhile_fill_it(replica, tmp_path):
    orders, states = killed(replica, tmp_path / "bot.sqlite", "after")
    assert {"account", "open", f"order/{orders[0]}", f"pair/{PAIR}"} <= set(states)
    control(replica, "print", side="sell", rate=99_980.0, amount=0.2)
    exchange = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    order = exchange.fetch_order(orders[0], PAIR)
    assert (order["filled"], order["status"]) == (pytest.approx(0.7), "open")
    assert free(exchange.paper, "USDT") == pytest.approx(1e6 - 100_000)
    # the ledger remembers what the first part took
    again = exchange.create_order(
        pair=PAIR, ordertype="market", side="buy", amount=0.1, rate=100_000.0, leverage=1.0
    )
    assert again["average"] == 100_010
    exchange.close()


def test_orders_that_freqtrade_forgets_without_a_commit_do_not_end_the_bot(replica, tmp_path):
    """An order that filled nothing makes no trade (2026.9 freqtradebot.py `execute_entry`)."""
    exchange = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    for _ in range(2):
        order = exchange.create_order(
            pair=PAIR,
            ordertype="limit",
            side="buy",
            amount=1.0,
            rate=100_000.0,
            leverage=1.0,
            time_in_force="FOK",
        )
        assert (order["status"], order["filled"]) == ("expired", 0)
    Trade.commit()
    exchange.close()


def with_a_stop(replica, database):
    """Place a stop on the exchange for a trade; return both."""
    control(replica, "print", side="sell", rate=99_990.0, amount=0.1)
    exchange = open_bot(replica.overlay()["exchange"], database)
    stop = exchange.create_stoploss(PAIR, 1.0, 99_000.0, {"stoploss": "limit"}, "sell", 1.0)
    trade = new_trade(stop)
    Trade.commit()
    exchange.close()
    return trade, stop


def test_a_stop_on_the_exchange_is_there_after_a_restart_although_freqtrade_forgets_it(replica, tmp_path):
    """Forgotten, it held the coins: no new stop could be placed, and nothing could be sold."""
    _, stop = with_a_stop(replica, tmp_path / "bot.sqlite")
    control(replica, "book", bids=[(98_900.0, 5.0)], asks=[(98_910.0, 5.0)])
    control(replica, "print", side="sell", rate=98_900.0, amount=0.1)
    exchange = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    assert [order.order_id for order in Trade.get_open_trades()[0].open_sl_orders] == [stop["id"]]
    assert free(exchange.paper, "BTC") == 0
    assert exchange.fetch_stoploss_order(stop["id"], PAIR)["status"] == "closed"
    exchange.close()


def test_a_stop_of_a_trade_that_is_no_more_frees_its_coins(replica, tmp_path):
    trade, stop = with_a_stop(replica, tmp_path / "bot.sqlite")
    trade.is_open = False
    Trade.commit()
    exchange = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    assert free(exchange.paper, "BTC") == 1
    assert exchange.fetch_order(stop["id"], PAIR)["status"] == "canceled"
    exchange.close()


def test_ended_orders_are_read_where_asked_for_and_not_at_the_start(replica, tmp_path):
    """10,000 closed trades of four orders took 250 MB and 22 s at the start."""
    exchange = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    ended = [
        exchange.create_order(
            pair=PAIR, ordertype="market", side="buy", amount=0.001, rate=100_000.0, leverage=1.0
        )["id"]
        for _ in range(3)
    ]
    resting = exchange.create_order(
        pair=PAIR, ordertype="limit", side="buy", amount=1.0, rate=99_000.0, leverage=1.0
    )["id"]
    Trade.commit()
    loaded = DatabaseStore().load()
    assert [key for key in loaded if key.startswith("order/")] == [f"order/{resting}"]
    again = open_bot(replica.overlay()["exchange"], tmp_path / "bot.sqlite")
    assert [again.paper.find(order_id).status for order_id in ended] == ["closed"] * 3
    assert again.paper.fill_record("none") is None
    # a database of before, which does not tell them apart, has them all read once
    Trade.session.execute(delete(PaperState).where(PaperState.key == "open"))
    Trade.session.commit()
    assert len([key for key in DatabaseStore().load() if key.startswith("order/")]) == 4
