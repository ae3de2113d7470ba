"""
Costs of the small database, by hand. Decided, slippage and fee per fill:

1 entry  10 * 100    = 1000     10 * (100.1 - 100)       = 1.0    1001 * 0.001        = 1.001
  tp1     4 * 101.9  =  407.6    4 * (101.9 - 101.85)    = 0.2    407.4 * 0.001       = 0.4074
  tp2     3 * 103.3  =  309.9                              0      309.9 * 0.001       = 0.3099
  stop 2.99 * 98.1   =  293.319  2.99 * (98.1 - 98)      = 0.299  2.99 * 98 * 0.001   = 0.29302
2 entry   2 * 50     =  100      2 * (50 - 49.9)         = 0.2    99.8 * 0.0005       = 0.0499
  tp1     2 * 49.1   =   98.2    2 * (49.2 - 49.1)       = 0.2    98.4 * 0.0005       = 0.0492
4 entry   1 * 100    =  100                                0      0.1
  tp1   0.4 * 101.8  =   40.72                             0      0.04072
"""

import math
from datetime import UTC, datetime

import pytest
from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.report.costs import (
    backtest_fee,
    cost_of,
    costs_by,
    fees_by_currency,
    hour,
    latencies,
    percentile,
    size_step,
    slippage_bps,
    unfilled_value,
)
from freqtrade_ext.report.rows import OrderRow

DECIDED = 1000 + 407.6 + 309.9 + 293.319 + 100 + 98.2 + 100 + 40.72
SLIPPAGE = 1.0 + 0.2 + 0.299 + 0.2 + 0.2
FEES = 1.001 + 0.4074 + 0.3099 + 0.29302 + 0.0499 + 0.0492 + 0.1 + 0.04072


def order(side, amount, decision_rate, average, fee_ratio=0.001, mid_rate=None):
    return OrderRow(
        pair="BTC/USDT",
        side=side,
        is_entry=side == "buy",
        is_stop=False,
        tag="",
        status="closed",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        requested=amount,
        filled=amount,
        average=average,
        fee_ratio=fee_ratio,
        fee_currency="USDT",
        record=FillRecord(decision_rate=decision_rate, mid_rate=mid_rate),
    )


def test_cost_of_all_fills(small):
    cost = small.cost
    assert cost.fills == 8
    assert cost.decided == pytest.approx(DECIDED)
    assert cost.slippage == pytest.approx(SLIPPAGE)
    assert cost.fees == pytest.approx(FEES)
    assert cost.shortfall == pytest.approx(4.15014)
    assert cost.slippage_bps == pytest.approx(1e4 * SLIPPAGE / DECIDED)
    assert cost.fees_bps == pytest.approx(1e4 * FEES / DECIDED)
    assert cost.shortfall_bps == pytest.approx(17.66213, abs=1e-5)
    # in bps: 0, 0, 0, 4.907, 10, 10.194, 20, 20.367
    assert cost.median_bps == pytest.approx((4.906771 + 10) / 2, abs=1e-5)
    assert cost.worst_bps == pytest.approx(1e4 * 0.1 / 49.1)


def test_half_of_the_spread_is_paid_by_takers_and_gained_by_makers():
    # decided at the other side's best of 99.9 and 100.1, at 99.9 to wait there, and at an unknown spread
    orders = [
        order("buy", 1, 100.1, 100.2, mid_rate=100.0),
        order("sell", 2, 99.9, 99.9, mid_rate=100.0),
        order("buy", 1, 99.9, 99.9, mid_rate=100.0),
        order("buy", 1, 100.0, 100.0),
    ]
    costs = [cost_of([each]) for each in orders]
    assert [cost.half_spread for cost in costs[:3]] == pytest.approx([0.1, 0.2, -0.1])
    assert costs[3].half_spread is None
    assert [cost.slippage for cost in costs] == pytest.approx([0.1, 0.0, 0.0, 0.0])
    # a backtest fills both in the middle
    assert backtest_fee(cost_of(orders[:2])) == pytest.approx((0.3 + 0.1 + 0.1002 + 0.1998) / 299.9)


def test_fee_for_backtests(small):
    # 4.15014 / 2349.739
    assert small.fee == pytest.approx(0.0017662132, abs=1e-10)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (lambda order: order.side, {"buy": (3, 1.2, 1198.2), "sell": (5, 0.699, 1151.539)}),
        (lambda order: order.pair, {"BTC/USDT": (6, 1.499, 2151.539), "ETH/USDT:USDT": (2, 0.4, 198.2)}),
        # the records say 08:00, but for the first TP1 an hour later
        (hour, {"08": (7, 1.699, 1942.139), "09": (1, 0.2, 407.6)}),
        (
            size_step,
            {
                (20, 50): (1, 0.0, 40.72),
                (50, 100): (2, 0.4, 198.2),
                (100, 200): (1, 0.0, 100.0),
                (200, 500): (3, 0.499, 1010.819),
                (1000, 2000): (1, 1.0, 1000.0),
            },
        ),
    ],
    ids=["side", "pair", "hour", "size"],
)
def test_slippage_by(small, key, expected):
    found = costs_by(small.orders, key)
    assert list(found) == list(expected)
    for label, (fills, slippage, decided) in expected.items():
        assert found[label].fills == fills
        assert found[label].slippage == pytest.approx(slippage, abs=1e-9)
        assert found[label].decided == pytest.approx(decided)


def test_fees_by_currency(small):
    bitcoin, tether = fees_by_currency(small.orders)
    # the long's entry paid 0.01 of its 10 BTC
    assert (bitcoin.currency, bitcoin.fills, bitcoin.paid) == ("BTC", 1, 0.01)
    assert (bitcoin.value, bitcoin.traded) == pytest.approx((1.001, 1001.0))
    # stock freqtrade's trade has no records, but a fee: 0.08 and 0.078
    assert (tether.currency, tether.fills) == ("USDT", 9)
    assert tether.value == pytest.approx(FEES - 1.001 + 0.158)
    assert tether.paid == pytest.approx(FEES - 1.001 + 0.158)
    assert tether.traded == pytest.approx(407.4 + 309.9 + 293.02 + 99.8 + 98.4 + 100 + 40.72 + 80 + 78)


def test_latencies(small):
    there, back, clock, delay = latencies(small.orders)
    # 50, six times 99.5, twice 120
    assert (there.what, there.fills) == ("order to the exchange", 9)
    assert (there.p50, there.p90, there.p99, there.worst) == (99.5, 120.0, 120.0, 120.0)
    assert (back.fills, back.worst) == (9, 80.0)
    assert (clock.fills, clock.p50) == (8, 100.0)
    # the engine's own rows of the two orders tell no book
    assert (delay.fills, delay.p50) == (6, -40.0)


def test_unfilled_value(small):
    # TP1 of 4 was tried in vain at 101.9
    assert unfilled_value(small.orders) == pytest.approx(407.6)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.0, 1), (0.01, 1), (0.5, 5), (0.51, 6), (0.9, 9), (0.99, 10), (1.0, 10)]
)
def test_percentile_is_the_nearest_rank(ratio, expected):
    assert percentile(range(1, 11), ratio) == expected


@pytest.mark.parametrize(
    ("side", "average", "expected"),
    [("buy", 101, 100), ("buy", 99, -100), ("sell", 99, 100), ("sell", 101, -100)],
)
def test_slippage_is_positive_where_it_is_worse(side, average, expected):
    assert slippage_bps(order(side, 2, 100, average)) == pytest.approx(expected)


def test_rates_that_differ_by_floating_point_alone_are_no_slippage():
    assert slippage_bps(order("buy", 3.0, 152.93, math.nextafter(152.93, math.inf))) == 0


def test_no_cost_without_records(small):
    stock = next(trade for trade in small.closed if trade.pair == "LTC/USDT")
    assert cost_of(stock.orders) is None
    assert backtest_fee(None) is None
    assert slippage_bps(stock.orders[0]) is None


def test_better_rates_than_decided_give_no_negative_fee():
    assert backtest_fee(cost_of([order("buy", 1, 100, 90)])) == 0.0


def backtested(amount, entry_rate, exit_rate, is_short, fee):
    """Profit of a trade by freqtrade's own arithmetic."""
    trade = LocalTrade(
        id=1,
        pair="BTC/USDT:USDT",
        amount=amount,
        open_rate=entry_rate,
        stake_amount=amount * entry_rate,
        fee_open=fee,
        fee_close=fee,
        is_short=is_short,
        leverage=1.0,
        trading_mode=TradingMode.FUTURES,
        exchange="binance",
    )
    return trade.calculate_profit(exit_rate).profit_abs


rates = st.floats(50, 150)
slips = st.floats(-0.001, 0.01)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 10), rates, rates, slips, slips, st.booleans(), st.floats(0.0001, 0.002)),
        min_size=1,
        max_size=8,
    )
)
def test_backtest_with_this_fee_earns_what_was_observed(trades):
    orders, observed, repeated = [], 0.0, []
    for amount, entry_rate, exit_rate, entry_slip, exit_slip, is_short, fee in trades:
        sign = -1 if is_short else 1
        paid, got = entry_rate * (1 + sign * entry_slip), exit_rate * (1 - sign * exit_slip)
        orders += [
            order("sell" if is_short else "buy", amount, entry_rate, paid, fee),
            order("buy" if is_short else "sell", amount, exit_rate, got, fee),
        ]
        observed += backtested(amount, paid, got, is_short, fee)
        repeated.append((amount, entry_rate, exit_rate, is_short))
    cost = cost_of(orders)
    found = backtest_fee(cost)
    if cost.shortfall > 0:
        assert sum(backtested(*trade, found) for trade in repeated) == pytest.approx(observed, abs=1e-6)
    else:
        assert found == 0.0


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.floats(0.1, 10), rates, rates), min_size=1))
def test_groups_add_up_to_the_whole(values):
    orders = [order(*value) for value in values]
    whole, groups = cost_of(orders), costs_by(orders, size_step).values()
    assert sum(group.fills for group in groups) == whole.fills
    assert sum(group.slippage for group in groups) == pytest.approx(whole.slippage, abs=1e-9)
    assert sum(group.shortfall for group in groups) == pytest.approx(whole.shortfall, abs=1e-9)


@given(st.floats(1e-8, 1e12))
def test_size_step_holds_the_cost(cost):
    low, high = size_step(order("buy", 1.0, 100.0, cost))
    assert low * (1 - 1e-12) <= cost < high
    assert high / low in (pytest.approx(2), pytest.approx(2.5))
