from dataclasses import replace

from freqtrade_ext.plan import explain
from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan, make_plan
from freqtrade_ext.plan.sizing import AccountState, size_position
from freqtrade_ext.settings import Settings

STATE = MarketState(rsi=65, macd_hist=10, adx=30, atr_pct=0.57849, regime="trending")
ACCOUNT = AccountState(500, 0)
STAKE = size_position(ACCOUNT, 5.0, Settings())
PLAN = make_plan(STATE, ACCOUNT, 104_878.48, False, Settings(), STAKE.reason)


def test_steps_name_every_number_and_its_reason():
    assert explain.market_step(STATE, "1h", True) == (
        "1/5 market (1h): RSI 65.0, MACD histogram +10, ATR 0.58%, ADX 30.0: trending, strong trend"
    )
    assert explain.sizing_step(STAKE, ACCOUNT, PLAN, "USDT") == (
        "2/5 sizing: balance $500, 0 open, 0 won and 0 lost of late: stake 150 USDT, sold 25/30/45 | "
        "$167 per position, 3 slots available | Strong trend + no losing streak: Let winners run"
    )
    assert explain.levels_step(PLAN) == (
        "3/5 levels: entry 104,878.48, stop 103,665.06 (-1.2%), TP1 106,976.05 (+2%), "
        "TP2 109,073.62 (+4%), TP3 113,268.76 (+8%) | "
        "Low volatility (ATR 0.6%): Moderate stop | Strong uptrend: Extended TPs"
    )
    assert explain.monitoring_step(PLAN) == (
        "5/5 monitoring: anchored to 104,878.48, sells all at the stop 103,665.06, "
        "25% at 106,976.05 (tp1), 30% at 109,073.62 (tp2), 45% at 113,268.76 (tp3)"
    )


def test_a_share_of_nothing_is_not_mentioned():
    plan = make_plan(STATE, AccountState(200, 1), 100.0, False, Settings())
    assert explain.monitoring_step(plan).endswith("sells all at the stop 98.843, 100% at 102.00 (tp1)")


def test_what_a_stop_takes_behind_the_last_target_is_not_said_to_be_sold_there():
    plan = replace(PLAN, trail_percent=2.0)
    assert explain.monitoring_step(plan).endswith(
        "30% at 109,073.62 (tp2), 45% by a stop 2 % behind the best rate from 113,268.76 on (tp3)"
    )
    assert explain.monitoring_step(Plan.from_json(plan.to_json())) == explain.monitoring_step(PLAN)
