"""Where the stop stands after targets, by the setting `stop_after_tp`; rates worked by hand."""

from dataclasses import replace

import pytest

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Fill, Position
from freqtrade_ext.plan.stops import stop_rate
from freqtrade_ext.settings import Settings

LONG = Plan(
    is_short=False,
    entry_rate=100.0,
    stop_rate=98.0,
    target_rates=(102.0, 104.0, 108.0),
    shares=(25.0, 30.0, 45.0),
    stop_percent=2.0,
    target_percents=(2.0, 4.0, 8.0),
    reasons=("", "", ""),
)
SHORT = replace(LONG, is_short=True, stop_rate=102.0, target_rates=(98.0, 96.0, 92.0))


def position(plan, stage, stop=None):
    sold = tuple(Fill(False, 0.1, plan.target_rates[n - 1], n) for n in range(1, stage + 1))
    return Position(
        is_short=plan.is_short,
        held=1.0 - 0.1 * stage,
        fills=(Fill(True, 1.0, 100.0), *sold),
        stage_asked=stage,
        stop_rate=stop or plan.stop_rate,
        lot=0.0,
    )


@pytest.mark.parametrize(
    ("after", "stage", "best", "long", "short"),
    [
        ("stay", 2, 105, 98.0, 102.0),
        ("break_even", 0, 101, 98.0, 102.0),
        ("break_even", 1, 102, 100.2002002, 99.8001998),
        ("break_even", 2, 105, 100.2002002, 99.8001998),
        ("previous", 0, 101, 98.0, 102.0),
        ("previous", 1, 102, 100.2002002, 99.8001998),
        ("previous", 2, 105, 102.0, 98.0),
        ("trail", 0, 101, 98.0, 102.0),
        # 3 % behind the best rate, never looser than the plan
        ("trail", 1, 102, 98.94, 100.94),
        ("trail", 1, 100.5, 98.0, 102.0),
        ("trail", 2, 110, 106.7, 92.7),
    ],
)
def test_stop_after_targets(after, stage, best, long, short):
    settings = Settings(stop_after_tp=after, trail_percent=3.0)
    fees = (0.001, 0.001)
    assert stop_rate(LONG, position(LONG, stage), settings, *fees, best) == pytest.approx(long)
    assert stop_rate(SHORT, position(SHORT, stage), settings, *fees, 200 - best) == pytest.approx(short)


def test_a_trailing_stop_never_goes_back():
    settings = Settings(stop_after_tp="trail", trail_percent=3.0)
    assert stop_rate(LONG, position(LONG, 1, stop=101.5), settings, 0.001, 0.001, 103) == 101.5


def test_the_last_share_of_a_plan_that_trails_is_left_to_a_stop_from_the_last_target_on():
    plan, last = replace(LONG, trail_percent=2.0), LONG.target_rates[-1]
    rates = [
        stop_rate(plan, position(plan, 0), Settings(), 0.001, 0.001, best) for best in (last - 0.01, last)
    ]
    assert rates == [plan.stop_rate, pytest.approx(0.98 * last)]
