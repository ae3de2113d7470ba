"""Databases and overlays cannot be mixed up: what a start does with trades of another exchange or mode."""

import logging
from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Order, Trade, init_db

from freqtrade_ext.paper.database import check_database


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
