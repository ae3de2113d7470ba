import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan.position import ROUNDING, Fill, Position, round_down

SHARES = (40.0, 30.0, 30.0)


def position(*fills, held=None, lot=0.0, is_short=False, stop_rate=90.0, **more):
    held = sum(f.amount if f.is_entry else -f.amount for f in fills) if held is None else held
    asked = max((f.stage for f in fills), default=0)
    return Position(
        **{"is_short": is_short, "held": held, "fills": fills, "stage_asked": asked, "lot": lot}
        | {"stop_rate": stop_rate}
        | more
    )


def bought(amount, rate=100.0):
    return Fill(True, amount, rate)


def sold(amount, stage=0, rate=110.0):
    return Fill(False, amount, rate, stage)


@pytest.mark.parametrize(
    ("fills", "anchor", "why"),
    [
        ((bought(1.0, 100.1),), 100.1, "what the entry paid, to the last bit"),
        ((bought(1.0, 100.0), bought(2.0, 101.0)), 302 / 3, "all are held: their average"),
        ((bought(100.0, 100.0), sold(40.0, 1), bought(60.0, 110.0)), 105.0, "60 old coins and 60 new ones"),
        ((bought(1.0, 100.0), sold(1.0, 3), bought(2.0, 120.0)), 120.0, "no old coin is left"),
        ((bought(1.0, 100.0), sold(0.4, 1)), 100.0, "an exit moves nothing"),
    ],
)
def test_anchor_is_the_average_of_the_coins_held(fills, anchor, why):
    assert position(*fills).anchor() == pytest.approx(anchor, rel=1e-15), why


def test_increase_after_tp1_is_anchored_without_the_coins_that_were_sold():
    """FreqUI's increase: 105,124.65 had been taken, an average that included coins already sold."""
    fills = (bought(0.00142, 104_878.48), sold(0.00035, 1), bought(0.001, 105_700.0))
    old, new = 0.00142 - 0.00035, 0.001
    right = (104_878.48 * old + 105_700.0 * new) / (old + new)
    assert position(*fills).anchor() == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize(
    ("fills", "entered", "why"),
    [
        ((bought(100.0),), 100.0, "what was bought"),
        ((bought(60.0), bought(40.0)), 100.0, "before any target: all of it"),
        ((bought(100.0), sold(40.0, 1)), 100.0, "a target sold of it"),
        ((bought(100.0), sold(10.0)), 100.0, "a person sold of it"),
        (
            (bought(100.0), sold(40.0, 1), bought(60.0)),
            200.0,
            "120 held are the 60 % left",
        ),
        ((bought(100.0), sold(70.0, 2), bought(30.0)), 200.0, "60 held are the 30 % left"),
        ((bought(100.0), sold(100.0, 3), bought(30.0)), 130.0, "no share is left"),
    ],
)
def test_entered_is_what_shares_are_percents_of(fills, entered, why):
    assert position(*fills).entered(SHARES) == pytest.approx(entered), why


def test_entered_is_cut_to_whole_lots_once():
    fees = (bought(0.00142857),)
    assert position(*fees, lot=1e-5).entered(SHARES) == 0.00142


@given(first=st.floats(0.1, 1e4), share=st.floats(0.01, 1), stage=st.integers(1, 2), more=st.floats(0.1, 1e4))
def test_an_increase_makes_what_is_held_the_share_left_for_the_targets_to_come(first, share, stage, more):
    grown = position(bought(first), sold(first * share * 0.99, stage), bought(more))
    left = 1 - sum(SHARES[:stage]) / 100
    assert grown.entered(SHARES) * left == pytest.approx(grown.held, rel=1e-9)


@pytest.mark.parametrize(("is_short", "rate", "beyond"), [(False, 90, True), (False, 90.1, False)])
def test_stop_counts_from_its_own_rate_on(is_short, rate, beyond):
    assert position(bought(1.0), is_short=is_short).is_beyond_stop(rate) is beyond


def test_stop_of_a_short_is_above():
    short = position(bought(1.0), is_short=True, stop_rate=110.0)
    assert short.is_beyond_stop(110.0)
    assert not short.is_beyond_stop(109.9)


@pytest.mark.parametrize(
    ("amount", "step", "cut"),
    [(0.3, 0.1, 0.3), (0.00029999999, 1e-5, 0.00029), (5.0, 0.0, 5.0), (7.9, 1, 7.0), (0.1, 1.0, 0.0)],
)
def test_round_down_is_exact_in_decimals(amount, step, cut):
    assert round_down(amount, step) == cut


@given(lots=st.integers(0, 10**9), step=st.sampled_from([1e-8, 1e-5, 0.001, 0.1, 0.5, 1.0, 10.0]))
def test_whole_lots_stay_what_they_are(lots, step):
    amount = float(f"{lots * step:.12g}")
    assert math.isclose(round_down(amount * (1 + ROUNDING), step), amount, rel_tol=1e-12, abs_tol=1e-12)


def test_what_an_entry_brought_beyond_whole_lots_is_left_behind():
    assert position(bought(1.0005), lot=0.001).left_behind == pytest.approx(0.0005)
    assert position(bought(1.0), lot=0.001).left_behind == 0


def test_nothing_is_sold_of_a_position_without_fills():
    assert position(held=1.0).stage_sold == 0
