"""What goes wrong inside a callback, and what freqtrade is left with."""

import sqlite3
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from freqtrade.persistence import CustomDataWrapper, Trade, init_db
from freqtrade.persistence.custom_data import _CustomData
from sqlalchemy.exc import OperationalError

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan, make_plan
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.callbacks import News, guarded
from freqtrade_ext.strategy.plans import PlanBook


@pytest.fixture
def trade(tmp_path, monkeypatch):
    """A trade in a database of its own, of which another program can lock the file."""
    init_db(f"sqlite:///{tmp_path}/bot.sqlite?timeout=0.1")
    monkeypatch.setattr(CustomDataWrapper, "use_db", True)
    monkeypatch.setattr(Trade, "use_db", True)
    amounts = {"stake_amount": 1.0, "open_rate": 1.0, "amount": 1.0, "fee_open": 0.0, "fee_close": 0.0}
    trade = Trade(pair="BTC/USDT", exchange="binance", open_date=datetime.now(UTC), is_open=True, **amounts)
    Trade.session.add(trade)
    Trade.commit()
    yield trade
    Trade.session.remove()


def test_custom_data_can_be_written_again_after_the_database_was_locked(trade, tmp_path):
    bot = SimpleNamespace(manager=SimpleNamespace(news=News("5m")))

    @guarded("failed")
    def keep(self, value):
        trade.set_custom_data("plan", value)
        return "kept"

    assert keep(bot, 1) == "kept"
    with sqlite3.connect(tmp_path / "bot.sqlite") as other:
        other.execute("begin immediate")
        assert keep(bot, 2) == "failed"
        other.rollback()
    assert keep(bot, 3) == "kept"
    assert trade.get_custom_data("plan") == 3


def test_a_refusal_is_told_once_for_as_long_as_its_signal_lasts_not_with_every_candle(monkeypatch):
    news, now = News("5m"), [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    told = []
    for minute in range(120):
        now[0] += 60
        # the numbers are other ones each time
        if news.is_new(("no trade", "BTC/USDT"), f"Spread {0.9 + minute / 1000}% + fees 0.2% > stop 1.2%"):
            told.append(minute)
    assert told == [0]
    assert news.is_new(("no trade", "BTC/USDT"), "Balance $50 < $100 minimum")
    now[0] += 11 * 60
    assert news.is_new(("no trade", "BTC/USDT"), "Balance $51 < $100 minimum"), "the signal came back"
    news.forget(("no trade", "BTC/USDT"))
    assert news.is_new(("no trade", "BTC/USDT"), "Balance $51 < $100 minimum")


def test_a_plan_that_could_not_be_written_is_not_taken_for_known(trade, tmp_path):
    """After a full disk it was in memory alone, and the trade had none at the next start."""
    plan = make_plan(MarketState(50, 0, 20, 0.5, "flat"), AccountState(500, 0), 100.0, False, Settings())
    book = PlanBook(has_database=True)
    with sqlite3.connect(tmp_path / "bot.sqlite") as other:
        other.execute("begin immediate")
        with pytest.raises(OperationalError):
            book.keep(trade, plan)
        other.rollback()
    _CustomData.session.rollback()
    assert book.known(trade) is None
    book.keep(trade, plan)
    assert book.known(trade) is plan
    assert Plan.from_json(trade.get_custom_data("plan")) == plan
