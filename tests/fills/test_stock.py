"""What stock freqtrade would have claimed of a market order, worked by hand."""

import pytest

from freqtrade_ext.fills.stock import STOCK_LEVELS, stock_average

ASKS = [(100.0, 2.0), (101.0, 2.0), (104.0, 1.0)]
BIDS = [(100.0, 2.0), (99.0, 2.0), (96.0, 1.0)]


@pytest.mark.parametrize(
    ("levels", "side", "amount", "rate", "average"),
    [
        (ASKS, "buy", 1.0, None, 100.0),
        (ASKS, "buy", 2.0, None, 100.0),
        (ASKS, "buy", 4.0, None, 100.5),
        # what the book does not show is taken at its last level
        (ASKS, "buy", 10.0, None, (200 + 202 + 6 * 104) / 10),
        (BIDS, "sell", 3.0, None, 299 / 3),
        (BIDS, "sell", 10.0, None, (200 + 198 + 6 * 96) / 10),
        # no more than 5 % from what the bot decided on
        (ASKS, "buy", 4.0, 95.0, 95.0 * 1.05),
        (BIDS, "sell", 4.0, 106.0, 106.0 * 0.95),
        ([(100.0, 1.0)] * STOCK_LEVELS + [(90.0, 9.0)], "buy", 30.0, None, 100.0),
    ],
)
def test_stock_freqtrade_s_average_walks_twenty_levels_and_is_clamped(levels, side, amount, rate, average):
    assert stock_average(levels, amount, side, rate) == pytest.approx(average)
    assert stock_average(levels, amount, side, rate, 1) == round(average, 1)
