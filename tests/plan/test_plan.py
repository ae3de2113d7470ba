import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan, PlanError, choose_levels, choose_split, make_plan
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings

SETTINGS = Settings()
STRONG_UP = MarketState(rsi=65, macd_hist=10, adx=30, atr_pct=0.57849, regime="trending")
STRONG_DOWN = MarketState(rsi=35, macd_hist=-10, adx=30, atr_pct=0.57849, regime="trending")
WEAK = MarketState(rsi=50, macd_hist=10, adx=30, atr_pct=2.0, regime="trending")
FLAT = MarketState(rsi=50, macd_hist=0, adx=10, atr_pct=0.5, regime="flat")
CHOPPY = MarketState(rsi=50, macd_hist=0, adx=10, atr_pct=1.0, regime="choppy")
WILD = MarketState(rsi=50, macd_hist=0, adx=30, atr_pct=3.1, regime="trending")
RICH = AccountState(balance=500, open_positions=0)

RUN = "Strong trend + no losing streak: Let winners run"


def golden(is_short=False):
    return make_plan(STRONG_DOWN if is_short else STRONG_UP, RICH, 104_878.48, is_short, SETTINGS)


def test_golden_case_of_the_specification():
    plan = golden()
    assert plan.shares == (25, 30, 45)
    assert round(plan.stop_rate, 2) == 103_665.06
    assert [round(rate, 2) for rate in plan.target_rates] == [106_976.05, 109_073.62, 113_268.76]
    assert round(plan.stop_percent, 1) == 1.2
    assert plan.reasons[1:] == (
        RUN,
        "Low volatility (ATR 0.6%): Moderate stop | Strong uptrend: Extended TPs",
    )


def test_golden_case_mirrored_for_a_short():
    plan = golden(is_short=True)
    assert plan.shares == (25, 30, 45)
    # 104,878.48 * 1.0115698; * 0.98, 0.96, 0.92
    assert round(plan.stop_rate, 2) == 106_091.90
    assert [round(rate, 2) for rate in plan.target_rates] == [102_780.91, 100_683.34, 96_488.20]
    assert plan.reasons[1:] == (
        RUN,
        "Low volatility (ATR 0.6%): Moderate stop | Strong downtrend: Extended TPs",
    )


@pytest.mark.parametrize(
    ("state", "account", "shares", "reason"),
    [
        # first match wins: a low balance beats a strong trend
        (STRONG_UP, AccountState(299.99, 1), (100, 0, 0), "Low balance + position open: Exit 100% at TP1"),
        (STRONG_UP, AccountState(299.99, 0), (60, 25, 15), "Low balance: Take profits early"),
        (STRONG_UP, AccountState(300, 2), (25, 30, 45), RUN),
        (STRONG_UP, AccountState(300, 0, winners=2, losers=2), (25, 30, 45), RUN),
        (STRONG_UP, AccountState(300, 0, winners=2, losers=3), (40, 30, 30), "Standard allocation"),
        (CHOPPY, RICH, (60, 25, 15), "Choppy market: Take profits early"),
        (WILD, RICH, (60, 25, 15), "High volatility: Take profits early"),
        (WEAK, RICH, (40, 30, 30), "Standard allocation"),
        (FLAT, RICH, (40, 30, 30), "Standard allocation"),
        (STRONG_DOWN, RICH, (40, 30, 30), "Standard allocation"),
    ],
)
def test_split_table(state, account, shares, reason):
    assert choose_split(state, account, False, SETTINGS) == (shares, reason)


@pytest.mark.parametrize(
    ("atr_pct", "stop_percent", "volatility"),
    [
        (0.5, 1.0, "Low volatility (ATR 0.5%): Moderate stop"),
        (0.999, 1.998, "Low volatility (ATR 1.0%): Moderate stop"),
        (1.0, 1.8, "Moderate volatility (ATR 1.0%): Standard stop"),
        (3.0, 5.4, "Moderate volatility (ATR 3.0%): Standard stop"),
        (3.2, 4.8, "High volatility (ATR 3.2%): Tight stop"),
    ],
)
def test_stop_distance_table(atr_pct, stop_percent, volatility):
    state = MarketState(rsi=50, macd_hist=0, adx=30, atr_pct=atr_pct, regime="trending")
    stop, _, reason = choose_levels(state, False, SETTINGS)
    assert stop == pytest.approx(stop_percent, rel=1e-12)
    assert reason.startswith(volatility + " | ")


@pytest.mark.parametrize(
    ("state", "is_short", "targets", "reason"),
    [
        (STRONG_UP, False, (2, 4, 8), "Strong uptrend: Extended TPs"),
        (STRONG_DOWN, True, (2, 4, 8), "Strong downtrend: Extended TPs"),
        (STRONG_UP, True, (1.8, 3.2, 5.5), "Standard TPs"),
        (CHOPPY, False, (1.5, 2.5, 4), "Choppy market: Early TPs"),
        (WILD, False, (1.5, 2.5, 4), "High volatility: Early TPs"),
        (FLAT, False, (1.8, 3.2, 5.5), "Standard TPs"),
    ],
)
def test_targets_table(state, is_short, targets, reason):
    _, percents, why = choose_levels(state, is_short, SETTINGS)
    assert percents == targets
    assert why.endswith(" | " + reason)


def test_anchoring_moves_the_levels_and_keeps_the_distances():
    plan = golden().anchored(104_879.58, lambda rate: round(rate, 2))
    assert plan.entry_rate == 104_879.58
    assert plan.stop_rate == 103_666.14
    assert plan.target_rates == (106_977.17, 109_074.76, 113_269.95)
    assert (plan.shares, plan.stop_percent) == (golden().shares, golden().stop_percent)


def test_a_tick_coarser_than_the_plan_leaves_the_levels_unrounded():
    plan = golden().anchored(104.0, lambda rate: round(rate, -2))
    assert plan.stop_rate == pytest.approx(104 * (1 - 0.0115698))


def test_plan_survives_json():
    plan = golden()
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stop_rate": 110_000.0}, "stop, entry and targets must be rising"),
        ({"stop_rate": 0.0}, "from above 0"),
        ({"stop_rate": math.nan}, "finite"),
        ({"target_rates": [107_000.0, 106_000.0, 108_000.0]}, "rising"),
        ({"target_rates": [107_000.0]}, "stored plan"),
        ({"shares": [50.0, 30.0, 30.0]}, "add up to 100"),
        ({"shares": [130.0, -30.0, 0.0]}, "add up to 100"),
        ({"entry_rate": "none"}, "stored plan"),
        ({"surprise": 1}, "must have"),
    ],
)
def test_a_stored_plan_is_checked(change, why):
    with pytest.raises(PlanError, match=why):
        Plan.from_json(json.loads(json.dumps({**golden().to_json(), **change})))


@pytest.mark.parametrize("stored", [None, 7, "plan", [], {}])
def test_what_is_no_plan_is_refused(stored):
    with pytest.raises(PlanError, match="must have"):
        Plan.from_json(stored)


def test_volatility_beyond_a_possible_stop_is_no_plan():
    state = MarketState(rsi=50, macd_hist=0, adx=30, atr_pct=70.0, regime="trending")
    with pytest.raises(PlanError, match="from above 0"):
        make_plan(state, RICH, 100.0, False, SETTINGS)


@pytest.mark.parametrize(
    ("is_short", "rate", "stage"),
    [
        (False, 106_976.04, 0),
        (False, 106_976.05, 1),
        (False, 109_100.0, 2),
        (False, 120_000.0, 3),
        (True, 102_780.92, 0),
        (True, 102_780.91, 1),
        (True, 90_000.0, 3),
    ],
)
def test_stage_counts_targets_reached(is_short, rate, stage):
    plan = golden(is_short).anchored(104_878.48, lambda value: round(value, 2))
    assert plan.stage(rate) == stage


@pytest.mark.parametrize("is_short", [False, True])
def test_break_even_pays_both_fees(is_short):
    plan = golden(is_short)
    rate = plan.break_even_rate(0.001, 0.002)
    entry, exit_ = plan.entry_rate, rate
    paid, got = (exit_ * 1.002, entry * 0.999) if is_short else (entry * 1.001, exit_ * 0.998)
    assert got == pytest.approx(paid)


@given(
    atr_pct=st.floats(0.01, 60),
    entry_rate=st.floats(1e-7, 1e6),
    is_short=st.booleans(),
    adx=st.floats(0, 100),
    rsi=st.floats(0, 100),
    macd_hist=st.floats(-10, 10),
)
def test_every_plan_mirrors_around_its_entry(atr_pct, entry_rate, is_short, adx, rsi, macd_hist):
    regime = "trending" if adx >= 25 else "choppy" if atr_pct >= 1 else "flat"
    plan = make_plan(MarketState(rsi, macd_hist, adx, atr_pct, regime), RICH, entry_rate, is_short, SETTINGS)
    mirror = make_plan(
        MarketState(100 - rsi, -macd_hist, adx, atr_pct, regime), RICH, entry_rate, not is_short, SETTINGS
    )
    assert plan.shares == mirror.shares
    assert plan.stop_rate + mirror.stop_rate == pytest.approx(2 * entry_rate)
    for rate, mirrored in zip(plan.target_rates, mirror.target_rates, strict=True):
        assert rate + mirrored == pytest.approx(2 * entry_rate)


def test_a_target_at_the_entry_is_none():
    plan = make_plan(STRONG_UP, AccountState(10_000, 0), 100.0, False, Settings())
    for rates in ((100.0, 104.0, 108.0), (100.0,)):
        shares, percents = (100.0, 0.0, 0.0)[: len(rates)], plan.target_percents[: len(rates)]
        with pytest.raises(PlanError, match="must be rising"):
            replace(plan, target_rates=rates, shares=shares, target_percents=percents)


def test_a_volatility_at_an_edge_is_moderate():
    for edge in (SETTINGS.atr_low, SETTINGS.atr_high):
        state = MarketState(rsi=50, macd_hist=0, adx=10, atr_pct=edge, regime="flat")
        _, split = choose_split(state, AccountState(10_000, 0), False, SETTINGS)
        assert split == "Standard allocation"
        assert choose_levels(state, False, SETTINGS)[0] == pytest.approx(edge * SETTINGS.stop_atr_mid)
