"""The results of the trades closed last, by which the split is chosen; by the database that a bot has."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import Trade, init_db
from sqlalchemy import event

from freqtrade_ext.strategy.recent import RecentResults

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    init_db(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    yield
    Trade.session.remove()


def add(profit=None, minutes=0):
    """A trade that closed so many minutes after the first; open without a profit."""
    trade = Trade(
        pair="BTC/USDT",
        exchange="binance",
        stake_amount=100.0,
        amount=1.0,
        open_rate=100.0,
        fee_open=0.001,
        fee_close=0.001,
        open_date=START,
        is_open=profit is None,
        close_profit=profit,
        close_date=None if profit is None else START + timedelta(minutes=minutes),
    )
    Trade.session.add(trade)
    Trade.session.commit()
    return trade


def close(trade, profit, minutes):
    trade.is_open, trade.close_profit = False, profit
    trade.close_date = START + timedelta(minutes=minutes)
    Trade.session.commit()


@pytest.mark.usefixtures("database")
def test_only_the_trades_closed_last_count_winners_and_losers():
    for minutes, profit in enumerate([-0.1, -0.1, 0.2, -0.1, 0.0, 0.3, -0.2]):
        add(profit, minutes)
    assert RecentResults(5).count() == (2, 2)


@pytest.mark.usefixtures("database")
def test_the_order_is_that_of_closing_and_not_of_opening():
    add(-0.1, minutes=9)
    add(0.1, minutes=1)
    assert RecentResults(1).count() == (0, 1)


@pytest.mark.usefixtures("database")
def test_what_closes_while_the_bot_runs_counts_at_once():
    known = add()
    recent = RecentResults(2)
    assert recent.count() == (0, 0)
    close(known, 0.1, 1)
    assert recent.count() == (1, 0)
    close(add(), -0.1, 2)  # opened and closed between two looks
    assert recent.count() == (1, 1)
    close(add(), -0.1, 3)
    assert recent.count() == (0, 2)
    assert recent.count() == (0, 2)


@pytest.mark.usefixtures("database")
def test_an_open_trade_that_is_deleted_is_forgotten():
    trade = add()
    recent = RecentResults(5)
    recent.count()
    Trade.session.delete(trade)
    Trade.session.commit()
    assert recent.count() == (0, 0)


@pytest.mark.usefixtures("database")
def test_a_decision_reads_no_trade_that_was_closed_before():
    """An entry decision took 3.2 s with 10,000 closed trades: it loaded every one."""
    for minutes in range(30):
        add(0.1, minutes)
    recent = RecentResults(5)
    recent.count()
    rows = []

    @event.listens_for(Trade.session.get_bind(), "after_cursor_execute")
    def note(connection, cursor, statement, *_):
        rows.append(statement)

    assert recent.count() == (5, 0)
    assert len(rows) == 1
    assert "trades.id > ?" in rows[0]
