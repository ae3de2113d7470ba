"""The bot and a backtest with `backtest_costs` on the same generated market pay the same beyond fees."""

import argparse

import pytest

from benchmarks.costs import compare

pytestmark = pytest.mark.timeout(300)


def test_a_backtest_is_charged_what_the_bot_pays_in_the_hours_after_those_learned_of():
    known = argparse.Namespace(
        recording=[], pair="NEXO/USDT", hours=6.0, strategy="Taking", same=False, seeds=[1], activity=1.0
    )
    found = compare(known)
    assert found["trades"] >= 10
    assert found["paid beyond the fee, bps"] > 5
    assert abs(found["charged to paid, fees of 10 bps included, percent"]) < 10
    # trade by trade too: by the size of each, which one fee for all does not know
    by_trade = {name: value for name, value in found.items() if name.startswith("mean miss")}
    charged, mean_fee, nothing = by_trade.values()
    assert charged < 0.7 * mean_fee < nothing
    assert found["fills within the interval of 90 %, percent"] > 75
