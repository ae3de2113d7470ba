"""Plans and decisions in memory and in freqtrade's own database."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import Trade, init_db

from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.strategy.plans import PlanBook
from tests.strategy.test_exits import PLAN

PAIR = "BTC/USDT"
MADE = datetime(2026, 1, 1, tzinfo=UTC)
STATE = MarketState(rsi=65, macd_hist=10, adx=30, atr_pct=0.57849, regime="trending")
DECISION = Decision(int(MADE.timestamp() * 1000), False, STATE, AccountState(500, 0), "$167 per position")


@pytest.fixture
def trade(tmp_path):
    init_db(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    trade = Trade(
        pair=PAIR,
        exchange="binance",
        stake_amount=100.0,
        amount=1.0,
        open_rate=100.0,
        open_date=MADE,
        fee_open=0.001,
        fee_close=0.001,
        is_open=True,
    )
    Trade.session.add(trade)
    Trade.commit()
    yield trade
    Trade.session.remove()


def test_the_next_bot_takes_a_plan_up_from_the_database(trade):
    PlanBook(has_database=True).keep(trade, PLAN)
    book = PlanBook(has_database=True)
    assert book.known(trade) is None
    assert book.restore(trade) == PLAN
    assert book.known(trade) == PLAN
    assert PlanBook(has_database=False).restore(trade) is None


def test_a_plan_that_is_none_is_said_and_not_taken_up(trade, caplog):
    trade.set_custom_data("plan", {"stop_rate": 1})
    book = PlanBook(has_database=True)
    assert book.restore(trade) is None
    assert book.known(trade) is None
    assert "BTC/USDT: a stored plan must have" in caplog.text


def test_a_decision_survives_a_restart_once_it_is_saved(trade):
    book = PlanBook(has_database=True)
    book.decide(PAIR, DECISION)
    opened = MADE + timedelta(minutes=5)
    assert book.decision_for(PAIR, False, opened) == DECISION
    assert PlanBook(has_database=True).decision_for(PAIR, False, opened) is None
    book.save_decision(PAIR)
    assert PlanBook(has_database=True).decision_for(PAIR, False, opened) == DECISION
    assert PlanBook(has_database=False).decision_for(PAIR, False, opened) is None


@pytest.mark.parametrize(
    ("pair", "is_short", "after"),
    [("ETH/USDT", False, 0), (PAIR, True, 0), (PAIR, False, -0.001), (PAIR, False, 300.001)],
)
def test_a_decision_is_not_that_of_another_trade(trade, pair, is_short, after):
    book = PlanBook(has_database=True)
    book.decide(PAIR, DECISION)
    assert book.decision_for(pair, is_short, MADE + timedelta(seconds=after)) is None
