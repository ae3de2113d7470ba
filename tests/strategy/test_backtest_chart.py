"""Levels in the chart of a backtest: the plan goes along in the entry's tag, and comes back from there."""

import json

import pytest

from freqtrade_ext.strategy.backtest_chart import backtest_drawings, plan_in, plan_text
from tests.strategy.test_chart import plan

RESULT = "backtest-result.json"


@pytest.mark.parametrize("is_short", [False, True])
def test_a_plan_comes_back_from_the_tag_of_its_entry(is_short):
    made = plan(is_short)
    read = plan_in(f"breakout | {plan_text(made)}", made.entry_rate, is_short=is_short)
    assert (read.stop_rate, read.target_rates, read.shares) == (
        made.stop_rate,
        made.target_rates,
        made.shares,
    )
    assert read.stop_percent == pytest.approx(made.stop_percent)
    assert read.target_percents == made.target_percents


@pytest.mark.parametrize(
    "tag",
    ["", "breakout", "| stop 98.80: nothing", "| stop 1: 25 % at 0.5, 75 % at 0.2", "| stop x: 1 % at 2"],
)
def test_a_tag_without_a_plan_tells_none(tag):
    assert plan_in(tag, 100.0, is_short=False) is None


def result(folder, tag):
    """What freqtrade's backtesting leaves of one trade: 25 % at the first target, the rest at the stop."""
    orders = [("buy", 4.0, 100.0, tag), ("sell", 1.0, 102.0, "tp1"), ("sell", 3.0, 98.8, "stop_loss")]
    trade = {
        "pair": "BTC/USDT",
        "is_short": False,
        "enter_tag": "breakout",
        "leverage": 1.0,
        "max_stake_amount": 400.0,
        "open_date": "2024-01-01 00:00:00+00:00",
        "close_date": "2024-01-01 05:00:00+00:00",
        "stop_loss_abs": 98.8,
        "orders": [
            {
                "amount": amount,
                "safe_price": rate,
                "ft_order_side": side,
                "ft_is_entry": side == "buy",
                "ft_order_tag": tag,
            }
            for side, amount, rate, tag in orders
        ],
    }
    results = folder / "backtest_results"
    results.mkdir()
    (results / RESULT).write_text(json.dumps({"strategy": {"Mine": {"trades": [trade]}}}))
    (results / ".last_result.json").write_text(json.dumps({"latest_backtest": RESULT}))
    return {"user_data_dir": folder}


def test_the_newest_result_is_drawn_with_what_was_sold(tmp_path):
    config = result(tmp_path, f"breakout | {plan_text(plan())}")
    (drawing,) = backtest_drawings(config, "Mine", "BTC/USDT")
    assert drawing.progress.sold == pytest.approx((25, 0, 0))
    assert drawing.progress.elsewhere == pytest.approx(75)
    assert (drawing.closed - drawing.opened).total_seconds() == 5 * 3600
    assert [*backtest_drawings(config, "Mine", "ETH/USDT")] == []
    assert [*backtest_drawings(config, "Another", "BTC/USDT")] == []


def test_a_result_without_plans_or_none_at_all_draws_nothing(tmp_path):
    assert [*backtest_drawings({"user_data_dir": tmp_path}, "Mine", "BTC/USDT")] == []
    assert [*backtest_drawings(result(tmp_path, None), "Mine", "BTC/USDT")] == []
