from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan.exits import (
    LOUD_TRIES,
    Least,
    due_amount,
    is_unsellable,
    merged,
    next_attempt,
    next_exit,
    slice_of,
)
from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import make_plan
from freqtrade_ext.plan.position import Fill, Position
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings

NOW = datetime(2024, 1, 1, tzinfo=UTC)
STRONG_UP = MarketState(rsi=65, macd_hist=10, adx=30, atr_pct=0.57849, regime="trending")
NO_LEAST = Least(0.0, 0.0)


def plan_of(shares=(25, 30, 45), is_short=False, rate=100.0):
    """Targets at 102, 104 and 108, stop at 98.84."""
    state = replace(STRONG_UP, rsi=35, macd_hist=-10) if is_short else STRONG_UP
    return make_plan(state, AccountState(10_000, 0), rate, is_short, Settings(split_strong=shares))


def holding(held=100.0, entered=100.0, asked=0, lot=1.0, is_short=False, **more):
    """A position whose missing part was sold at the target asked for."""
    fills = [Fill(True, entered, 100.0)]
    if held < entered:
        fills.append(Fill(False, entered - held, 102.0, asked))
    return Position(
        is_short=is_short,
        held=held,
        fills=tuple(fills),
        stage_asked=asked,
        stop_rate=101.2 if is_short else 98.8,
        lot=lot,
        **more,
    )


def decide(position, rate, plan=None, least=NO_LEAST, attempt=None, now=NOW):
    return next_exit(plan or plan_of(is_short=position.is_short), position, rate, least, attempt, now)


@pytest.mark.parametrize(
    ("position", "rate", "amount", "tag", "why_not"),
    [
        (holding(), 101.99, 0, "", "no target is reached"),
        (holding(), 102.0, 25, "tp1", ""),
        (holding(), 109.0, 100, "tp3", ""),
        (holding(75, asked=1), 101.0, 0, "", "nothing that can be sold is due at tp1"),
        (holding(75, asked=1), 104.0, 30, "tp2", ""),
        (holding(asked=1), 101.0, 25, "tp1", ""),  # reached before, and not sold then
        (holding(is_busy=True), 102.0, 0, "", "an order is open"),
        (holding(asked=1), 98.8, 0, "", "the stop is reached"),
        (holding(is_short=True), 98.0, 25, "tp1", ""),
        (holding(is_short=True), 98.1, 0, "", "no target is reached"),
        (holding(asked=1, is_short=True), 101.2, 0, "", "the stop is reached"),
    ],
)
def test_what_is_sold_next_and_why_not(position, rate, amount, tag, why_not):
    answer = decide(position, rate)
    assert (answer.amount, answer.tag, answer.why_not) == (pytest.approx(amount), tag, why_not)
    assert (answer.attempt is None) == (amount == 0)


def test_no_target_is_asked_for_below_the_stop_that_sells_all():
    """A stop was refused for want of coins that a resting exit held, then a tp1 order went out below it."""
    assert decide(holding(75, asked=1), 90.0).why_not == "the stop is reached"


def test_nothing_is_due_after_an_increase_before_the_next_target():
    """FreqUI's increase after TP1 sold 40 % of the new coins at once, at no target."""
    fills = (Fill(True, 100.0, 100.0), Fill(False, 25.0, 102.0, 1), Fill(True, 75.0, 103.0))
    grown = Position(is_short=False, held=150.0, fills=fills, stage_asked=1, stop_rate=99.0, lot=1.0)
    plan = plan_of(rate=grown.anchor())
    assert decide(grown, 102.5, plan).why_not == "nothing that can be sold is due at tp1"
    assert decide(grown, plan.target_rates[1], plan).amount == 60  # 30 of the 75 % left
    assert decide(grown, plan.target_rates[2], plan).amount == 150


DUE = [
    ((25, 30, 45), 0, 100, 5, 0, "no target reached"),
    ((25, 30, 45), 1, 100, 5, 25, "TP1"),
    ((25, 30, 45), 1, 75, 5, 0, "TP1 is sold already"),
    ((25, 30, 45), 1, 90, 5, 15, "TP1 was filled in part: the rest of it"),
    ((25, 30, 45), 2, 75, 5, 30, "TP2"),
    ((25, 30, 45), 2, 100, 5, 55, "the price jumped over two targets"),
    ((25, 30, 45), 3, 45, 5, 45, "TP3 sells what is left"),
    ((25, 30, 45), 3, 100, 5, 100, "the price jumped over all"),
    ((100, 0, 0), 1, 100, 5, 100, "all at TP1"),
    ((50, 50, 0), 2, 50, 5, 50, "an empty last share: TP2 sells all"),
    ((25, 30, 45), 1, 100, 30, 0, "chunk below the minimum waits for TP2"),
    ((25, 30, 45), 2, 100, 30, 55, "and is sold with it"),
    ((25, 30, 45), 1, 100, 80, 100, "rest below the minimum goes along"),
    ((60, 25, 15), 2, 40, 20, 40, "rest of 15 below the minimum goes along with TP2"),
    ((50, 25, 25), 1, 100, 50, 50, "a rest of the very minimum stays"),
    ((25, 30, 45), 3, 4, 5, 0, "dust that no exchange takes"),
    ((25, 30, 45), 2, 40, 5, 0, "more was sold than is due"),
]


@pytest.mark.parametrize(("shares", "stage", "held", "minimum", "due", "why"), DUE)
def test_due_amount_table(shares, stage, held, minimum, due, why):
    position = holding(held)
    assert due_amount(plan_of(shares), position, stage, Least(minimum, minimum)) == pytest.approx(due), why


def test_a_chunk_of_a_whole_lot_is_not_cut_by_floating_point():
    # 0.6 * 0.0005 is 0.00029999999999999997
    position = holding(0.0005, 0.0005, lot=1e-5)
    assert due_amount(plan_of((60, 25, 15)), position, 1, NO_LEAST) == 0.0003


FUTURES = Least(part=100 * 1.05 / 0.9 / 105_000, whole=0.001)
"""of BTC at 105,000: freqtrade's padded minimum of 100 USDT, and the lot that a reduce-only exit needs"""


@pytest.mark.parametrize(
    ("held", "lot", "least", "stage", "due"),
    [
        # $105 of BTC on futures stayed open at +5.5, +12, +19 %
        (0.001, 0.001, FUTURES, 1, 0.0),
        (0.001, 0.001, FUTURES, 3, 0.001),
        # $5.53 on spot stayed after TP3, the minimum being 5 and 5.83 with freqtrade's reserve
        (0.0000527, 1e-7, Least(5.83 / 105_000, 5 / 105_000), 3, 0.0000527),
        (0.0000470, 1e-7, Least(5.83 / 105_000, 5 / 105_000), 3, 0.0),
    ],
)
def test_a_whole_position_is_held_against_the_exchanges_own_minimum(held, lot, least, stage, due):
    assert due_amount(plan_of(), holding(held, held, lot=lot), stage, least) == due


@pytest.mark.parametrize(
    ("held", "lot", "part", "whole", "shares", "words"),
    [
        # 40/30/30 of coins worth 100 each
        (100.0, 1.0, 10, 5, (40, 30, 30), ""),
        (1.0, 1.0, 1.1, 1.0, (0, 0, 100), "TP1 and TP2 are below the minimum: all at TP3"),
        (100.0, 1.0, 101, 90, (100, 0, 0), "TP2 and TP3 are below the minimum: all at TP1"),
        (100.0, 1.0, 45, 45, (0, 100, 0), "TP1 and TP3 are below the minimum: all at TP2"),
        (100.0, 1.0, 35, 35, (40, 60, 0), "TP3 is below the minimum: 40% at TP1, 60% at TP2"),
        (100.0, 1.0, 200, 200, (40, 30, 30), ""),  # cannot be sold at all: the loop sees to that
    ],
)
def test_what_merges_is_known_when_the_plan_is_made(held, lot, part, whole, shares, words):
    plan = plan_of((40, 30, 30))
    made = merged(plan, holding(held, held, lot=lot), lambda rate: Least(part, whole))
    assert made.shares == pytest.approx(shares)
    assert made.reasons[1] == " | ".join(filter(None, (plan.reasons[1], words)))


@given(
    lots=st.integers(1, 500),
    part_lots=st.integers(0, 300),
    weights=st.tuples(*[st.integers(0, 100)] * 3).filter(sum),
)
def test_a_merged_plan_is_what_will_be_sold_target_by_target(lots, part_lots, weights):
    plan = plan_of(tuple(100 * weight / sum(weights) for weight in weights))
    least = Least(part_lots, min(part_lots, lots))
    made = merged(plan, holding(lots, lots), lambda rate: least)
    held = lots
    for stage in (1, 2, 3):
        position = holding(held, lots, asked=stage) if held else None
        sold = due_amount(plan, position, stage, least) if position else 0
        assert bool(made.shares[stage - 1]) or not sold
        held -= int(sold)
    assert held == 0


@given(
    weights=st.tuples(*[st.integers(0, 100)] * 3).filter(sum),
    lots=st.integers(1, 5_000),
    part_lots=st.integers(0, 300),
    whole_lots=st.integers(0, 300),
    stages=st.lists(st.integers(1, 3), min_size=1, max_size=6).map(sorted),
    filled=st.lists(st.floats(0, 1), min_size=12, max_size=12),
)
def test_chunks_add_up_to_the_position(weights, lots, part_lots, whole_lots, stages, filled):
    """Whatever targets are reached in whatever jumps and fills: never oversold, closed at the last target."""
    plan = plan_of(tuple(100 * weight / sum(weights) for weight in weights))
    whole = min(part_lots, whole_lots)
    held = lots
    for stage, part in zip(stages, filled, strict=False):
        chunk = due_amount(plan, holding(held, lots, asked=stage), stage, Least(part_lots, whole))
        assert 0 <= chunk <= held
        assert chunk in (0, held) or (chunk >= part_lots and held - chunk >= part_lots)
        assert chunk != held or chunk >= whole
        held -= int(chunk * part)
        if not held:
            return
    chunk = due_amount(plan, holding(held, lots, asked=3), 3, Least(part_lots, whole))
    assert chunk == (held if held >= whole else 0)


@pytest.mark.parametrize(
    ("held", "rate", "least", "unsellable"),
    [
        (100.0, 100.0, 200.0, False),  # a person may have opened it so small; its stop is not reached
        (100.0, 98.0, 200.0, True),
        (4.0, 100.0, 5.0, True),
        (5.0, 100.0, 5.0, False),
        (4.0, 100.0, 0.0, False),
    ],
)
def test_what_is_left_below_the_exchanges_minimum_cannot_be_sold(held, rate, least, unsellable):
    assert is_unsellable(holding(held), rate, Least(least, least)) is unsellable


def test_what_moves_nothing_is_asked_for_ever_more_slowly_but_never_given_up():
    """A last target was given up for ever after eight tries, 32 minutes: a trading halt lasts longer."""
    attempt, asked = None, []
    for second in range(0, 3 * 3600, 5):
        made = next_attempt(attempt, stage=1, held=1.0, now=NOW + timedelta(seconds=second))
        if made is not None:
            attempt = made
            asked.append(second)
    assert asked[:7] == [0, 15, 45, 105, 225, 465, 945]
    assert {b - a for a, b in pairwise(asked[7:])} == {900}
    assert asked[-1] > 3 * 3600 - 901
    assert attempt.tries > LOUD_TRIES


def test_progress_and_the_next_target_ask_at_once():
    first = next_attempt(None, stage=1, held=1.0, now=NOW)
    assert next_attempt(first, stage=1, held=1.0, now=NOW) is None
    assert next_attempt(first, stage=1, held=0.9, now=NOW).tries == 1
    assert next_attempt(first, stage=2, held=1.0, now=NOW).tries == 1


def test_an_exit_that_moved_nothing_pauses_until_its_next_try():
    first = decide(holding(), 102.0)
    second = decide(holding(), 102.0, attempt=first.attempt)
    assert second.why_not == "tp1 moved nothing so far, it is asked for again later"
    later = decide(holding(), 102.0, attempt=first.attempt, now=NOW + timedelta(seconds=15))
    assert (later.amount, later.attempt.tries) == (25, 2)


@pytest.mark.parametrize(
    ("amount", "held", "most", "part", "sold"),
    [
        (100.0, 100.0, 100, 5, 100),
        (100.0, 100.0, 40, 5, 40),
        (40.5, 40.5, 40, 5, 35),  # what is left must be enough to be sold
        (30.0, 100.0, 20.5, 5, 20),
        (4.0, 4.0, 3, 5, 0),
    ],
)
def test_a_slice_leaves_enough_for_the_next(amount, held, most, part, sold):
    assert slice_of(amount, holding(held), Least(part, part, most)) == sold


def test_a_target_larger_than_the_largest_market_order_goes_out_in_slices():
    least = Least(1, 1, most=20)
    first = decide(holding(), 102.0, least=least)
    assert (first.amount, first.tag) == (20, "tp1")
    second = decide(holding(80, asked=1), 102.0, least=least, attempt=first.attempt)
    assert second.amount == 5


def test_a_chunk_below_one_coin_takes_a_rest_along_that_could_not_be_sold():
    position = holding(held=1.0, entered=1.0, lot=0.01)
    assert due_amount(plan_of((90, 5, 5)), position, 1, Least(0.2, 0.1)) == 1.0
    assert due_amount(plan_of((90, 5, 5)), position, 1, Least(0.09, 0.1)) == 0.9


@pytest.mark.parametrize(("part", "sold"), [(0.4, 0.6), (0.9, 0.1), (1.5, 0.0)])
def test_a_slice_without_a_lot_leaves_enough_for_the_next(part, sold):
    position = Position(
        is_short=False, held=1.0, fills=(Fill(True, 1.0, 100.0),), stage_asked=0, stop_rate=90.0, lot=0.0
    )
    assert slice_of(1.0, position, Least(part, 0.0, 0.8)) == pytest.approx(sold)
