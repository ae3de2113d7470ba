"""Databases and overlays cannot be mixed up: what a start does with trades of another exchange or mode."""

import logging
from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, Trade, init_db

from freqtrade_ext.paper.database import check_database, wait_for_locks


def bot(name="binance", mode=TradingMode.SPOT, dry_run=True):
    return SimpleNamespace(id=name, trading_mode=mode, _config={"dry_run": dry_run})


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Put an open trade into a database and begin to use it."""
    monkeypatch.chdir(tmp_path)

    def opened(exchange, mode, order_id, database="own.sqlite"):
        init_db(f"sqlite:///{database}")
        trade = Trade(
            pair="BTC/USDT",
            exchange=exchange,
            trading_mode=mode,
            is_open=True,
            amount=1.0,
            open_rate=1.0,
            stake_amount=1.0,
            fee_open=0.0,
            fee_close=0.0,
        )
        trade.orders.append(
            Order(
                order_id=order_id,
                ft_order_side="buy",
                ft_pair="BTC/USDT",
                ft_is_open=False,
                ft_amount=1.0,
                ft_price=1.0,
            )
        )
        Trade.session.add(trade)
        Trade.commit()

    return opened


@pytest.mark.parametrize(
    ("order_id", "starting", "named"),
    [
        ("dry_run_1", bot("okx"), "bybit spot, paper: BTC/USDT .* trades okx spot, paper"),
        ("dry_run_1", bot("bybit", TradingMode.FUTURES), "bybit spot, paper: .* trades bybit futures, paper"),
        ("dry_run_1", bot("bybit", dry_run=False), "bybit spot, paper: .* trades bybit spot, real money"),
        ("7000000001", bot("bybit"), "bybit spot, real money: .* trades bybit spot, paper"),
    ],
)
def test_an_open_trade_of_another_account_is_refused(opened, order_id, starting, named):
    opened("bybit", TradingMode.SPOT, order_id)
    with pytest.raises(OperationalException, match=named):
        check_database(starting)


def test_its_own_trades_are_gone_on_with(opened):
    opened("bybit", TradingMode.SPOT, "dry_run_1")
    check_database(bot("bybit"))


def test_a_trade_with_one_real_order_is_of_real_money_and_one_without_orders_is_anybody_s(opened):
    opened("bybit", TradingMode.SPOT, "dry_run_1")
    (trade,) = Trade.get_open_trades()
    trade.orders.append(Order(order_id="7", ft_order_side="sell", ft_pair="", ft_amount=1.0, ft_price=1.0))
    check_database(bot("bybit", dry_run=False))
    with pytest.raises(OperationalException, match="bybit spot, real money: BTC/USDT"):
        check_database(bot("bybit"))
    trade.orders.clear()
    check_database(bot("bybit"))
    check_database(bot("bybit", dry_run=False))


def test_a_trade_from_before_there_were_futures_is_of_spot(opened):
    opened("bybit", None, "dry_run_1")
    check_database(bot("bybit"))


def test_open_trades_in_freqtrade_s_own_database_are_pointed_at(opened, caplog):
    """Overlays name databases of their own since; the trades from before are in the common one."""
    opened("bybit", TradingMode.SPOT, "dry_run_1", "tradesv3.dryrun.sqlite")
    init_db("sqlite:///tradesv3.bybit.dryrun.sqlite")
    with caplog.at_level(logging.WARNING):
        check_database(bot("bybit"))
    assert "tradesv3.dryrun.sqlite holds 1 open trade(s) of bybit spot, paper" in caplog.text
    assert "--db-url sqlite:///tradesv3.dryrun.sqlite" in caplog.text
    caplog.clear()
    check_database(bot("okx"))
    assert caplog.text == ""
    init_db("sqlite:///tradesv3.dryrun.sqlite")
    check_database(bot("bybit"))
    assert caplog.text == "", "it is the bot's own"


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_default_database_that_cannot_be_read_points_at_nothing(tmp_path, monkeypatch, caplog, content):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "tradesv3.sqlite").write_bytes(content)
    init_db("sqlite://")
    check_database(bot("bybit", dry_run=False))
    assert caplog.text == ""
    assert (tmp_path / "tradesv3.sqlite").exists() is (content is not None)


def test_with_real_money_freqtrade_s_own_database_is_another_one(opened, caplog):
    opened("bybit", TradingMode.SPOT, "7000000001", "tradesv3.sqlite")
    init_db("sqlite://")
    check_database(bot("bybit", dry_run=False))
    assert "tradesv3.sqlite holds 1 open trade(s) of bybit spot, real money" in caplog.text
    assert "its database is another one" in caplog.text


def test_a_lock_of_another_program_is_waited_for(opened):
    """After five seconds the bot ended with "database is locked", its trades open."""
    opened("binance", TradingMode.SPOT, "dry_run_1")
    wait_for_locks()
    Trade.session.remove()
    assert Trade.session.connection().exec_driver_sql("pragma busy_timeout").scalar() == 60_000
