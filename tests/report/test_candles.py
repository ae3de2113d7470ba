"""Candles kept with a trade are drawn; whatever else a database holds in their place is not."""

from datetime import UTC, datetime

import pytest

from freqtrade_ext.report.candles import draw_candles, read_candles
from freqtrade_ext.report.svg import Axis, drawing, markup

GOOD = [1_700_000_000_000.0, 100.0, 102.0, 99.0, 101.0]
NEXT = [1_700_000_300_000.0, 101.0, 101.5, 98.0, 98.5]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "text",
        {"a": 1},
        [[1]],
        [["x"] * 5],
        [None, 5, [GOOD]],
        [[float("nan")] * 5],
        [[1e300, 1, 1, 1, 1]],
        [[0, 100.0, 99.0, 101.0, 100.0]],
        [[0, -1.0, 2.0, -2.0, 1.0]],
    ],
)
def test_what_is_no_candle_is_left_out(stored):
    assert read_candles(stored) == ()


def test_candles_are_read_in_order_of_time():
    first, second = read_candles([NEXT, GOOD])
    assert first.time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert first[1:] == tuple(GOOD[1:])
    assert second.close == 98.5


def test_a_candle_has_body_and_wick_and_tells_its_rates():
    chart = drawing(100, 100, "candles")
    x, y = Axis([1_700_000_000.0, 1_700_000_600.0], 0, 100), Axis([98.0, 102.0], 100, 0)
    draw_candles(chart, read_candles([GOOD, NEXT]), x, y)
    drawn = markup(chart)
    assert drawn.count("<rect") == drawn.count("<line") == 2
    # half of the width is one candle's; from 101 to 100 is a quarter of the height
    assert 'x="7.5" y="25.0" width="35.0" height="25.0" class="rise"' in drawn
    assert "Nov 14 22:13: open 100.00, high 102.00, low 99.00, close 101.00" in drawn
