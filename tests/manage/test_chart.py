"""The drawings FreqUI gets: valid by freqtrade's own schema, and inside the window."""

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA

from freqtrade_ext.decide.plan import Plan
from freqtrade_ext.manage.chart import Chart, Drawing

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


@pytest.mark.parametrize(("is_short", "sign"), [(False, "+"), (True, "-")])
def test_targets_tell_percent_and_share_and_what_is_sold(is_short, sign):
    labels = [a["label"] for a in drawing(sold=1, is_short=is_short).annotations(START, END, CANDLE)]
    assert labels[-3:] == [f"TP1 {sign}2% sold 25%", f"TP2 {sign}4% sells 30%", f"TP3 {sign}8% sells 45%"]


def test_a_chart_shows_its_own_pair_only():
    assert Chart().annotations("BTC/USDT", START, END, CANDLE) == []
