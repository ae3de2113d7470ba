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

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.report.results import claimed_abs, equity, regime, results_by, split

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
    # fees with the stock trade's 0.158, without the open trade's 0.14072; records of before knew no middle
    fees = 2.11042 + 0.158
    assert small.costs_of_closed == pytest.approx({"half spread": 0.0, "slippage": 1.899, "fees": fees})


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
