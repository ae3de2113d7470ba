"""Figures of a result, worked by hand; and what is said of how sure it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from freqtrade_ext.report.database import About
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.headline import surely
from freqtrade_ext.report.page import render
from freqtrade_ext.report.performance import holding_ratio, likely_range, performance, profits_by

START = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def make(small):
    """Trades of an hour each, an hour apart, with these profits."""

    def trades(*profits):
        kind = replace(small.closed[0], orders=())
        return [
            replace(
                kind,
                id=number,
                profit_abs=profit,
                opened=START + timedelta(hours=2 * number),
                closed=START + timedelta(hours=2 * number + 1),
            )
            for number, profit in enumerate(profits)
        ]

    return trades


def test_ratios_and_streaks(make):
    found = performance(make(5.0, -1.0, -2.0, 4.0, -3.0))
    assert found.profit_factor == pytest.approx(9 / 6)
    assert found.expectancy == pytest.approx(3 / 5)
    assert (found.best.profit_abs, found.worst.profit_abs) == (5.0, -3.0)
    assert found.losing_run == 2
    assert found.mean_time == timedelta(hours=1)
    # five hours of nine
    assert found.time_share == pytest.approx(5 / 9)


def test_without_losers_there_is_no_profit_factor(make):
    assert performance(make(1.0)).profit_factor is None


def test_trades_at_the_same_time_cover_it_once(make):
    one = make(1.0, 1.0)
    assert performance([one[0], replace(one[1], opened=one[0].opened)]).time_share == 1


def test_chance_decides_of_few_trades_and_a_range_is_told_of_many(make):
    assert likely_range(make(*[1.0] * 29)) is None
    assert likely_range(make(*[1.0] * 30)) == (30.0, 30.0)
    low, high = likely_range(make(*[3.0, -2.0] * 50))
    # 100 draws of mean 0.5 and deviation 2.5: 50 +- 1.645 * 25
    assert (low, high) == pytest.approx((50 - 41.1, 50 + 41.1), abs=4)
    assert likely_range(make(*[3.0, -2.0] * 50)) == (low, high)


def test_holding_is_told_from_the_first_to_the_last_fill_of_each_pair(small):
    trades = [*small.closed, *small.open]
    changes = {}
    for trade in sorted(trades, key=lambda trade: trade.id):
        for fill in trade.fills:
            changes.setdefault(fill.pair, []).append((fill.time, fill.average))
    rates = [sorted(fills) for fills in changes.values() if len(fills) > 1]
    expected = sum(fills[-1][1] / fills[0][1] - 1 for fills in rates) / len(rates)
    assert holding_ratio(trades) == pytest.approx(expected)
    assert holding_ratio([]) is None


def test_profits_by_day_and_month(make):
    trades = make(*[1.0] * 13)
    assert profits_by(trades, "%m-%d") == {"11-20": 12.0, "11-21": 1.0}
    assert profits_by(trades, "%Y-%m") == {"2026-11": 13.0}


def test_the_page_says_how_sure_the_result_is(make):
    few, many = (make_report(make(*[1.0] * count), 500.0) for count in (2, 30))
    assert next(surely(few)) == (
        "2 trades from 2026-11-20: too few to tell skill from luck: below 30, chance decides."
    )
    assert next(surely(many)) == (
        "30 trades from 2026-11-20 to 2026-11-22: as many trades like these would bring between "
        "+30.000 USDT and +30.000 USDT, 9 times of 10."
    )


def test_an_invented_market_has_a_banner_and_the_balance_goes_on_to_its_end(make):
    report = make_report(make(1.0), 500.0)
    about = About("invented, embedded exchange, NOT the real market", START + timedelta(days=9))
    page = render(report, "some.sqlite", START, about)
    assert "Not the real market: invented" in page
    assert "Nov 29 00:00" in page
    assert "Not the real market" not in render(report, "some.sqlite", START)
