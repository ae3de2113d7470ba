"""The ways out in the small database; the numbers are worked by hand in test_results.py."""

from datetime import UTC, datetime

import pytest

from freqtrade_ext.report.exits import ExitResult, exit_profit, exit_reason, exits_by_reason
from freqtrade_ext.report.rows import OrderRow


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
