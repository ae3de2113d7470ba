import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.market_state import REGIMES, MarketState
from freqtrade_ext.plan.plan import make_plan
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings

STATE = MarketState(rsi=65, macd_hist=10, adx=30, atr_pct=0.57849, regime="trending")
DECISION = Decision(1_700_000_000_000, False, STATE, AccountState(500, 0), "$167 per position")

floats = st.floats(-1e9, 1e9)


@given(
    values=st.tuples(floats, floats, floats, floats),
    regime=st.sampled_from(REGIMES),
    balance=st.floats(0, 1e9),
    reason=st.text("abc $0123456789,.", max_size=300),
)
def test_decision_survives_the_key_value_store(values, regime, balance, reason):
    decision = Decision(
        1_700_000_000_000, True, MarketState(*values, regime), AccountState(balance, 2, 3, 2), reason
    )
    text = decision.to_text()
    assert len(text) <= 255
    restored = Decision.from_text(text)
    assert (restored.state, restored.account, restored.is_short) == (decision.state, decision.account, True)
    assert reason.startswith(restored.stake_reason)


def test_words_of_a_usual_decision_are_kept():
    assert Decision.from_text(DECISION.to_text()) == DECISION


@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", json.dumps([1, True, [1], [2], ""])])
def test_something_else_is_no_decision(text):
    assert Decision.from_text(text) is None


@pytest.mark.parametrize(
    ("is_short", "after_ms", "fits"),
    [(False, 0, True), (False, 300_000, True), (False, 300_001, False), (False, -1, False), (True, 0, False)],
)
def test_a_trade_fits_the_decision_right_before_it(is_short, after_ms, fits):
    assert DECISION.fits(is_short, DECISION.made_ms + after_ms) is fits


def test_plan_of_a_decision():
    plan = DECISION.plan(104_878.48, Settings())
    assert plan == make_plan(STATE, AccountState(500, 0), 104_878.48, False, Settings(), "$167 per position")


def test_many_words_fill_the_store_to_its_last_character():
    assert len(replace(DECISION, stake_reason="a" * 300).to_text()) == 255
