"""What many markets say together, worked by hand."""

import pytest

from freqtrade_ext.report.spread import spread_of, spread_tables


def market(profit, lowest=None, fall=0.1, regimes=None):
    return {
        "currency": "USDT",
        "start": 500.0,
        "profit_abs": profit,
        "lowest": 500.0 + min(profit, 0) if lowest is None else lowest,
        "worst_fall": fall,
        "trades": 10,
        "open": 1,
        "costs": {"half spread": 0.5, "slippage": 0.5, "fees": 5.0},
        "regimes": regimes or {},
    }


MARKETS = [market(50), market(-3), market(-200, fall=0.5), market(10, lowest=300, fall=0.4)]


def test_the_chances_and_what_costs_make_of_them():
    spread = spread_of(MARKETS)
    assert (spread["markets"], spread["trades"], spread["open_at_the_end"]) == (4, 40, 4)
    assert spread["loses"]["share"] == 0.5
    # two fell by a third, of which one came back
    assert spread["loses_a_third"]["share"] == 0.5
    assert spread["worst_fall"] == {"median": 0.25, "worst": 0.5}
    assert spread["profit"]["mean"] == pytest.approx(-143 / 4 / 500)
    assert spread["profit"]["median"] == pytest.approx(3.5 / 500)
    assert spread["costs"] == pytest.approx({"half spread": 0.001, "slippage": 0.001, "fees": 0.01})
    # one that lost 3 paid 6
    assert spread["without_costs"]["loses"]["share"] == 0.25
    assert spread["without_costs"]["profit"]["mean"] == pytest.approx(-119 / 4 / 500)


def test_the_interval_of_a_chance_is_wilsons():
    loses = spread_of([market(-1)] * 2 + [market(1)] * 8)["loses"]
    # Wilson's interval of 2 in 10, as tables have it
    assert (loses["low"], loses["high"]) == pytest.approx((0.0567, 0.5098), abs=1e-4)
    assert spread_of([market(1)])["loses"]["low"] == 0


def test_regimes_add_up_over_markets():
    trending = {"trades": 2, "winners": 1, "profit_abs": 10.0}
    choppy = {"trades": 3, "winners": 0, "profit_abs": -5.0}
    spread = spread_of(
        [
            market(5, regimes={"trending": trending, "choppy": choppy}),
            market(10, regimes={"trending": trending}),
        ]
    )
    assert spread["regimes"] == {
        "choppy": {"trades": 3, "winners": 0, "profit": pytest.approx(-0.005), "loses": 1.0},
        "trending": {"trades": 4, "winners": 2, "profit": pytest.approx(0.02), "loses": 0.0},
    }


def test_the_tables_show_it():
    results, regimes = spread_tables(spread_of(MARKETS))
    assert results.title == "4 markets, 40 trades"
    shown = {name: (paid, free) for name, paid, free in results.rows}
    assert shown["chance of a loss"] == ("50 % (15 to 85)", "25 % (5 to 70)")
    assert shown["worst fall of all"] == ("50.0 %", "")
    assert regimes.rows == []
