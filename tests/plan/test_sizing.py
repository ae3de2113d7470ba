import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.sizing import (
    AccountState,
    Stake,
    asked_position,
    check_cost,
    payable_amount,
    size_position,
    trim_to_balance,
    trim_to_order,
)
from freqtrade_ext.settings import Settings

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("balance", "open_positions", "per_position", "slots", "stake_amount", "reason"),
    [
        (500, 0, 166.67, 3, 150, "$167 per position, 3 slots available"),
        (300, 1, 100, 2, 100, "$100 per position, 2 slots available"),
        (150, 1, 100, 1, 100, "$100 per position, 1 slot available"),
        (100, 0, 100, 1, 100, "$100 per position, max 1 positions"),
        (50_000, 0, 16_666.67, 3, 15_000, "$16,667 per position, 3 slots available"),
    ],
)
def test_table_of_the_specification(balance, open_positions, per_position, slots, stake_amount, reason):
    stake = size_position(AccountState(balance, open_positions), 5.0, SETTINGS)
    assert round(stake.per_position, 2) == per_position
    assert stake.slots == slots
    assert round(stake.stake_amount, 2) == stake_amount
    assert stake.reason == reason


@pytest.mark.parametrize(
    ("balance", "open_positions", "exchange_minimum", "why"),
    [
        (50, 0, 5, "Balance $50 < $100 minimum"),
        (99.999, 0, 5, "Balance $99.99 < $100 minimum"),
        (math.nan, 0, 5, "minimum"),
        (5_000, 3, 5, "No slot available: 3 of 3 positions open"),
        (5_000, 4, 5, "No slot available: 4 of 3 positions open"),
        (120, 0, 121, "Balance $120 < $121 minimum of the exchange"),
    ],
)
def test_no_trade_says_why(balance, open_positions, exchange_minimum, why):
    with pytest.raises(NoTrade) as refusal:
        size_position(AccountState(balance, open_positions), exchange_minimum, SETTINGS)
    assert why in str(refusal.value)


def test_exchange_minimum_raises_the_stake_the_balance_covers():
    stake = size_position(AccountState(500, 0), 210.0, SETTINGS)
    assert stake.stake_amount == 210
    assert stake.reason.endswith("raised to the exchange's minimum of $210")


def test_slots_of_a_fractional_minimum_do_not_suffer_from_floating_point():
    stake = size_position(AccountState(0.3, 0), 0.0, Settings(min_position=0.1), "BTC")
    assert stake.slots == 3
    assert stake.reason == "0.1 BTC per position, 3 slots available"


@given(
    balance=st.floats(0, 1e7),
    open_positions=st.integers(0, 5),
    exchange_minimum=st.floats(0, 1e4),
    reserve=st.floats(0, 0.99),
)
def test_a_stake_is_payable_and_large_enough(balance, open_positions, exchange_minimum, reserve):
    settings = Settings(reserve=reserve)
    try:
        stake = size_position(AccountState(balance, open_positions), exchange_minimum, settings)
    except NoTrade:
        assert balance < max(100, exchange_minimum) or open_positions >= 3
        return
    assert max(100, exchange_minimum) <= stake.stake_amount <= balance
    assert 1 <= stake.slots <= 3 - open_positions


@pytest.mark.parametrize(
    ("fills", "balance", "fee_ratio", "leverage", "amount"),
    [
        ([(100.0, 1.0)], 100, 0, 1, 1),
        ([(100.0, 1.0)], 50, 0, 1, 0.5),
        # 100 for the first, then 30 / 120 of the second
        ([(100.0, 1.0), (120.0, 1.0)], 130, 0, 1, 1.25),
        ([(100.0, 1.0)], 100, 0.001, 1, 100 / 100.1),
        # ten per unit is margin, one tenth is fee
        ([(100.0, 20.0)], 101, 0.001, 10, 10),
        ([], 100, 0, 1, 0),
    ],
)
def test_payable_amount(fills, balance, fee_ratio, leverage, amount):
    assert payable_amount(fills, balance, fee_ratio, leverage) == pytest.approx(amount, rel=1e-12)


def test_order_is_trimmed_to_what_the_balance_pays_for():
    stake = size_position(AccountState(100, 0), 5.0, SETTINGS)
    # 1 base unit at a rate of 100, but only half of it is offered there
    trimmed = trim_to_balance(stake, [(100.0, 0.5), (104.0, 0.5)], 100.0, 100.0, 5.0)
    assert trimmed.stake_amount == pytest.approx(100 * (0.5 + 50 / 104))
    assert trimmed.stake_amount < SETTINGS.min_position
    assert trimmed.reason == "$100 per position, max 1 positions, trimmed to what the balance pays for"


def test_a_leveraged_stake_is_trimmed_to_the_margin_that_the_balance_pays():
    stake = trim_to_balance(Stake(400.0, 400.0, 1, ""), [(100.0, 8.0)], 100.0, 300.0, 10.0, leverage=2.0)
    assert stake.stake_amount == pytest.approx(300)


def test_payable_order_is_left_alone():
    stake = size_position(AccountState(500, 0), 5.0, SETTINGS)
    assert trim_to_balance(stake, [(100.0, 0.5), (104.0, 1.0)], 100.0, 500.0, 5.0) is stake


def test_trimming_stops_at_the_exchange_minimum():
    stake = size_position(AccountState(100, 0), 99.0, SETTINGS)
    with pytest.raises(NoTrade, match=r"pays for \$96.15 of this book, the exchange's minimum is \$99"):
        trim_to_balance(stake, [(104.0, 1.0)], 100.0, 100.0, 99.0)


@given(
    fills=st.lists(st.tuples(st.floats(0.01, 1e5), st.floats(0.001, 1e3)), max_size=8),
    balance=st.floats(0, 1e6),
    fee_ratio=st.floats(0, 0.01),
    leverage=st.floats(1, 50),
)
def test_payable_amount_costs_no_more_than_the_balance(fills, balance, fee_ratio, leverage):
    left = amount = payable_amount(fills, balance, fee_ratio, leverage)
    assert amount <= sum(a for _, a in fills) * (1 + 1e-12)
    cost = 0.0
    for rate, offered in fills:
        cost += rate * min(left, offered) * (1 / leverage + fee_ratio)
        left = max(0.0, left - offered)
    assert cost <= balance * (1 + 1e-9)


@pytest.mark.parametrize(
    ("stop", "spread", "fees", "is_traded"),
    [
        (1.2, 0.0001, 0.2, True),
        (1.2, 0.4, 0.2, True),
        (1.2, 0.41, 0.2, False),
        (1.2, 2.4, 0.2, False),  # coarse ticks: the stop would lie above the best bid
        (1.2, 2.0, 0.2, False),
        (1e-9, 0.0, 0.2, False),  # hardly any ATR
        (math.nan, 0.0, 0.2, False),
    ],
)
def test_no_entry_where_spread_and_fees_lose_most_of_what_the_stop_risks(stop, spread, fees, is_traded):
    if is_traded:
        check_cost(stop, spread, fees, 0.5)
        return
    with pytest.raises(NoTrade, match=r"Spread .*% \+ fees 0.2% = .*% > 0.5 x the stop distance"):
        check_cost(stop, spread, fees, 0.5)


@given(st.floats(0.01, 50), st.floats(0, 50), st.floats(0, 1), st.floats(0.01, 0.99))
def test_an_accepted_stop_lies_below_the_best_bid(stop, spread, fees, most):
    try:
        check_cost(stop, spread, fees, most)
    except NoTrade:
        return
    ask, bid = 100.0, 100.0 - spread
    assert ask - stop < bid


def test_an_entry_is_cut_to_the_largest_market_order():
    stake = size_position(AccountState(500, 0), 5.0, SETTINGS)
    assert trim_to_order(stake, 150.0) is stake
    cut = trim_to_order(stake, 40.0)
    assert cut.stake_amount == 40
    assert cut.reason.endswith("cut to the exchange's largest market order")


def test_a_person_s_stake_counts_as_asked_for_within_the_balance_and_the_exchange_s_minimum():
    account = AccountState(500, 3)
    for stake in (5.0, 500.0):
        assert asked_position(stake, account, 5.0) == Stake(stake, stake, 1, f"${stake:g} are asked for")
    with pytest.raises(NoTrade, match=r"\$501 are asked for, \$500 are free"):
        asked_position(501.0, account, 5.0)
    with pytest.raises(NoTrade, match=r"\$4 are asked for, the exchange's minimum is \$5"):
        asked_position(4.0, account, 5.0)
