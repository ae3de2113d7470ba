"""Whatever the market and the account look like, there is a sane plan or none."""

import math

from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.decision import Decision
from freqtrade_ext.plan.market_state import MarketState, read_state
from freqtrade_ext.plan.plan import Plan, PlanError, make_plan
from freqtrade_ext.plan.sizing import AccountState, size_position, trim_to_balance
from freqtrade_ext.settings import Settings
from tests.fuzz.hostile import json_values, numbers, numerals

SETTINGS = Settings()
floats = numbers.filter(lambda n: abs(n) < 2**1000 if isinstance(n, int) else True).map(float)
rows = st.fixed_dictionaries(
    {
        "candles": st.sampled_from([200.0, 199.0, 0.0, math.nan]),
        "rsi": st.one_of(st.floats(0, 100), floats),
        "macd_hist": floats,
        "adx": st.one_of(st.floats(0, 100), floats),
        "atr_pct": st.one_of(st.floats(0, 60), floats),
    }
)
accounts = st.builds(
    AccountState,
    floats.filter(lambda n: not math.isinf(n)),
    st.integers(-1, 5),
    winners=st.integers(0, 5),
    losers=st.integers(0, 5),
)


def check(plan: Plan) -> None:
    rates = [plan.stop_rate, plan.entry_rate, *plan.target_rates]
    assert all(0 < rate < math.inf for rate in rates)
    assert rates == sorted(rates, reverse=plan.is_short)
    assert plan.stop_rate != plan.entry_rate != plan.target_rates[0]
    assert math.isclose(sum(plan.shares), 100)


@given(row=rows, account=accounts, rate=floats, is_short=st.booleans())
def test_a_plan_has_its_stop_on_the_right_side_or_there_is_none(row, account, rate, is_short):
    try:
        state = read_state(row, SETTINGS, "1h")
        plan = make_plan(state, account, rate, is_short, SETTINGS)
        check(plan)
        check(plan.anchored(rate * 1.001))
    except (NoTrade, PlanError):
        return


@given(account=accounts, minimum=floats, rate=floats)
def test_a_stake_is_paid_by_the_balance_or_there_is_none(account, minimum, rate):
    try:
        stake = size_position(account, minimum, SETTINGS)
        amount = stake.stake_amount / rate if rate else 0.0
        stake = trim_to_balance(stake, [(rate, amount)], rate, account.balance, minimum)
    except NoTrade:
        return
    assert SETTINGS.min_position <= stake.stake_amount <= account.balance * (1 + 1e-9) or math.isnan(rate)


@given(plan=st.fixed_dictionaries(dict.fromkeys(Plan.__slots__, st.one_of(json_values, numbers))))
def test_what_is_stored_is_a_plan_or_a_plan_error(plan):
    try:
        check(Plan.from_json(plan))
    except PlanError:
        return


@given(text=st.one_of(numerals, json_values.map(repr), json_values.map(str)))
def test_what_is_stored_is_a_decision_or_nothing(text):
    decision = Decision.from_text(text)
    assert decision is None or isinstance(decision.state, MarketState)
