"""The drawings FreqUI gets: valid by freqtrade's own schema, and inside the window."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy import chart
from freqtrade_ext.strategy.chart import LINES, Chart, Drawing

START = datetime(2024, 1, 1, tzinfo=UTC)
CANDLE = timedelta(minutes=5)
END = START + 100 * CANDLE


def plan(is_short=False) -> Plan:
    sign = -1 if is_short else 1
    return Plan(
        is_short=is_short,
        entry_rate=100.0,
        stop_rate=100.0 - sign * 1.2,
        target_rates=tuple(100.0 + sign * p for p in (2, 4, 8)),
        shares=(25.0, 30.0, 45.0),
        stop_percent=1.2,
        target_percents=(2.0, 4.0, 8.0),
        reasons=("", "", ""),
    )


def drawing(opened=START, closed=None, sold=0, is_short=False) -> Drawing:
    its = plan(is_short)
    return Drawing(its, its.stop_rate, opened, closed, sold)


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        (START - timedelta(days=3), None),
        (START + 50 * CANDLE, START + 60 * CANDLE),
        (END + timedelta(minutes=3), None),  # younger than the last candle
        (START - timedelta(days=3), START + timedelta(seconds=10)),
        (END + timedelta(seconds=1), END + timedelta(seconds=9)),
    ],
)
def test_annotations_are_valid_and_inside_the_window(opened, closed):
    found = drawing(opened, closed).annotations(START, END, CANDLE)
    assert len(found) == 7
    for annotation in found:
        AnnotationTypeTA.validate_python(annotation, extra="forbid")
        assert START <= annotation["start"] < annotation["end"] <= END
        assert annotation["y_start"] > 0
        assert not set("<>&") & set(annotation["label"])


def test_a_trade_that_ended_before_the_chart_is_not_drawn():
    assert drawing(START - 9 * CANDLE, START - CANDLE).annotations(START, END, CANDLE) == []


@pytest.mark.parametrize(
    ("is_short", "closed", "told"),
    [
        (False, None, ["TP1 +2% sold 25%", "TP2 +4% sells 30%", "TP3 +8% sells 45%"]),
        (False, END, ["TP1 +2% sold 25%", "TP2 +4% missed 30%", "TP3 +8% missed 45%"]),
        (True, None, ["TP1 -2% bought back 25%", "TP2 -4% buys back 30%", "TP3 -8% buys back 45%"]),
    ],
)
def test_targets_tell_percent_and_share_and_what_became_of_them(is_short, closed, told):
    found = drawing(closed=closed, sold=1, is_short=is_short).annotations(START, END, CANDLE)
    assert [a["label"] for a in found[-3:]] == told


def test_a_trade_of_the_newest_candle_is_wide_enough_to_be_seen():
    found = drawing(END + timedelta(seconds=1)).annotations(START, END, CANDLE)
    assert {a["end"] - a["start"] for a in found} == {10 * CANDLE}


@pytest.mark.parametrize("color", [chart.ENTRY, chart.STOP, chart.TARGET, chart.SOLD])
def test_labels_are_legible_in_both_themes_of_frequi(color):
    """zrender's `getInsideTextFill`: the label is dark above 0.5, also on dark, and grey up to 0.2."""
    red, green, blue = bytes.fromhex(color[1:])
    assert 0.2 < (0.299 * red + 0.587 * green + 0.114 * blue) / 255 <= 0.5


@pytest.mark.parametrize("is_short", [False, True])
def test_the_chart_grows_to_the_stop_and_the_last_target_of_an_open_trade(is_short):
    candles = pd.DataFrame({"date": pd.date_range(START, END, freq=CANDLE), "close": 100.0})
    its = Chart()
    its._drawings = {
        "BTC/USDT": {
            1: drawing(START, START + 9 * CANDLE, is_short=is_short),
            2: drawing(END - 20 * CANDLE, is_short=is_short),
        }
    }
    its.add_lines("BTC/USDT", candles, CANDLE)
    its.add_lines("ETH/USDT", others := candles[["date", "close"]].copy(), CANDLE)
    rows = candles[[*LINES]].dropna()
    assert candles.loc[rows.index, "date"].tolist() == candles["date"].tolist()[-21:]
    assert rows.drop_duplicates().values.tolist() == [[101.2, 92.0] if is_short else [98.8, 108.0]]
    assert others[[*LINES]].isna().all(axis=None)


def test_a_chart_shows_its_own_pair_only():
    assert Chart().annotations("BTC/USDT", START, END, CANDLE) == []
