"""
Results of the small database, by hand:

1 long   10 bought at 100.1, less 0.01 BTC; each exit earns amount * (rate * 0.999 - 100.1 * 1.001)
         tp1  4    * (101.85 * 0.999 - 100.2001) =  6.1922
         tp2  3    * (103.3  * 0.999 - 100.2001) =  8.989499
         stop 2.99 * (98     * 0.999 - 100.2001) = -6.871619     together 8.30968
2 short  2 * (49.9 * 0.9995 - 49.2 * 1.0005)                   =          1.3009
3 stock  78 * 0.999 - 80 * 1.001                               =         -2.158
4 open   0.4 * (101.8 * 0.999 - 100 * 1.001)                   =          0.63928

Naive claims: better by 10 * 0.1 * 1.001 + 4 * 0.05 * 0.999 + 2.99 * 0.5 * 0.999 = 2.694305 (1)
and 2 * 0.1 * 0.9995 + 2 * 0.1 * 1.0005 = 0.4 (2)
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.report.results import (
    ExitResult,
    claimed_abs,
    equity,
    exit_profit,
    exit_reason,
    exits_by_reason,
    regime,
    results_by,
    split,
)
from freqtrade_ext.report.rows import OrderRow

PROFITS = [8.30968, 1.3009, -2.158]
CLAIMS = [11.004986, 1.7009, -2.158]


def test_result(small):
    assert [trade.id for trade in small.closed] == [1, 2, 3]
    assert [trade.id for trade in small.open] == [4, 5]
    assert [trade.profit_abs for trade in small.closed] == pytest.approx(PROFITS)
    assert [claimed_abs(trade) for trade in small.closed] == pytest.approx(CLAIMS)
    result = small.result
    assert (result.trades, result.winners, result.win_ratio) == (3, 2, pytest.approx(2 / 3))
    assert result.profit_abs == pytest.approx(7.45258)
    assert result.claimed_abs == pytest.approx(10.547886)
    # of what each entry paid with its fee: freqtrade's close_profit
    ratios = [8.30968 / (9.99 * 100.1 * 1.001), 1.3009 / (99.8 * 0.9995), -2.158 / (80 * 1.001)]
    assert result.mean_ratio == pytest.approx(sum(ratios) / 3)


def test_costs_of_closed_trades(small):
    slippage, fees = small.costs_of_closed
    assert slippage == pytest.approx(1.899)
    # with the stock trade's 0.158, without the open trade's 0.14072
    assert fees == pytest.approx(2.11042 + 0.158)


def test_equity_and_drawdown(small):
    points = small.points
    assert [point.balance for point in points] == pytest.approx([508.30968, 509.61058, 507.45258])
    assert [point.claimed for point in points] == pytest.approx([511.004986, 512.705886, 510.547886])
    assert [point.drawdown_abs for point in points] == pytest.approx([0, 0, 2.158])
    assert small.drawdown == pytest.approx((2.158, 2.158 / 509.61058))
    assert [f"{point.time:%H:%M:%S}" for point in points] == ["09:00:01", "10:00:01", "11:00:01"]


def test_equity_without_a_known_start(small):
    points = equity(small.closed, None)
    assert points[-1].balance == pytest.approx(7.45258)
    assert points[-1].drawdown_abs == pytest.approx(2.158)
    assert points[-1].drawdown_ratio == 0.0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_drawdown_is_the_way_down_from_the_highest_balance(small_trade, profits):
    trades = [replace(small_trade, id=number, profit_abs=profit) for number, profit in enumerate(profits)]
    points = equity(trades, 500.0)
    balances = [500.0, *(point.balance for point in points)]
    for number, point in enumerate(points, 1):
        assert point.drawdown_abs == pytest.approx(max(balances[: number + 1]) - balances[number])
        assert point.drawdown_abs >= 0


@pytest.fixture(scope="module")
def small_trade(small):
    return replace(small.closed[0], orders=())


def test_exits_against_plan(small):
    found = {result.reason: result for result in exits_by_reason([*small.closed, *small.open])}
    assert list(found) == ["TP1", "TP2", "TP3", "stop", "exit_signal"]
    # of trade 1's 9.99 left 4, 3 and 2.99; all of trade 2 left at TP1; trade 4 is not done
    assert [found[f"TP{n}"].planned_share for n in (1, 2, 3)] == pytest.approx([0.7, 0.15, 0.15])
    assert found["TP1"].sold_share == pytest.approx((4 / 9.99 + 1) / 2)
    assert found["TP2"].sold_share == pytest.approx(3 / 9.99 / 2)
    assert found["stop"].sold_share == pytest.approx(2.99 / 9.99 / 2)
    assert found["stop"].planned_share is None
    assert sum(result.sold_share for result in found.values()) == pytest.approx(1)
    assert [result.exits for result in found.values()] == [3, 1, 0, 1, 1]
    profits = [6.191799 + 1.3009 + 0.63928, 8.989499, 0, -6.871619, -2.158]
    assert [result.profit_abs for result in found.values()] == pytest.approx(profits)
    # planned at 101.9, 49.15 and 101.8: 4 * 0.05 + 2 * 0.05 + 0 over 407.6 + 98.3 + 40.72
    assert found["TP1"].level_bps == pytest.approx(1e4 * 0.3 / 546.62)
    assert found["TP2"].level_bps == pytest.approx(0, abs=1e-9)
    assert found["stop"].level_bps == pytest.approx(1e4 * 0.2 / 98.2)
    assert found["exit_signal"].level_bps is None


def test_exits_add_up_to_freqtrades_own_profit(small):
    for trade in [*small.closed, small.open[0]]:
        exits = [fill for fill in trade.fills if not fill.is_entry]
        assert sum(exit_profit(trade, fill) for fill in exits) == pytest.approx(trade.profit_abs, abs=1e-7)


def test_exits_without_any_plan_are_those_that_happened(small):
    stock = [trade for trade in small.closed if trade.plan is None]
    assert exits_by_reason(stock) == [
        ExitResult(
            reason="exit_signal",
            exits=1,
            planned_share=None,
            sold_share=None,
            level_bps=None,
            profit_abs=pytest.approx(-2.158),
        )
    ]


@pytest.mark.parametrize(
    ("tag", "is_stop", "expected"),
    [
        ("tp1", False, "TP1"),
        ("tp3 0.4 bps 87 ms", False, "TP3"),
        ("stop_loss", False, "stop"),
        ("trailing_stop_loss", False, "stop"),
        ("", True, "stop"),
        ("", False, "not recorded"),
        ("  ", False, "not recorded"),
        ("my own exit", False, "my own exit"),
        ("tp4", False, "TP4"),
        ("tp11", False, "tp11"),
    ],
)
def test_exit_reason(tag, is_stop, expected):
    order = OrderRow(
        pair="BTC/USDT",
        side="sell",
        is_entry=False,
        is_stop=is_stop,
        tag=tag,
        status="closed",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        requested=1,
        filled=1,
        average=1,
        fee_ratio=0,
        fee_currency="USDT",
        record=None,
    )
    assert exit_reason(order) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (regime, {"choppy": PROFITS[1], "not recorded": PROFITS[2], "trending": PROFITS[0]}),
        (split, {"100 / 0 / 0": PROFITS[1], "40 / 30 / 30": PROFITS[0], "no plan": PROFITS[2]}),
    ],
    ids=["regime", "split"],
)
def test_results_by(small, key, expected):
    found = results_by(small.closed, key)
    assert {label: result.profit_abs for label, result in found.items()} == pytest.approx(expected)
    assert sum(result.trades for result in found.values()) == 3
    assert sum(result.claimed_abs for result in found.values()) == pytest.approx(10.547886)
