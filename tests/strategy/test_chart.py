"""The drawings FreqUI gets: valid by freqtrade's own schema, inside the window, true to what was sold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA
from freqtrade.persistence import Trade

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.progress import progress_of
from freqtrade_ext.strategy import chart
from freqtrade_ext.strategy.chart import LINES, MARGIN_CANDLES, TRADES_PER_PAIR, Chart, Drawing, Window
from tests.plan.test_progress import sold_of
from tests.report.database import add_trade, database

START = datetime(2024, 1, 1, tzinfo=UTC)
CANDLE = timedelta(minutes=5)
END = START + 100 * CANDLE
EDGE = END + MARGIN_CANDLES * CANDLE


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


def drawing(opened=START, closed=None, exits=(), is_short=False) -> Drawing:
    its = plan(is_short)
    return Drawing(its, progress_of(its, sold_of(1.0, exits)), its.stop_rate, opened, closed)


def candles(low=90.0, high=110.0) -> pd.DataFrame:
    dates = pd.date_range(START, END, freq=CANDLE)
    return pd.DataFrame({"date": dates, "low": low, "high": high, "close": (low + high) / 2})


def drawn(*drawings, low=90.0, high=110.0):
    chart = Chart()
    for number, one in enumerate(drawings, 1):
        chart.add("BTC/USDT", number, one)
    return chart.annotations("BTC/USDT", candles(low, high), CANDLE)


def labels(*drawings, **view):
    return [a["label"] for a in drawn(*drawings, **view) if a["type"] == "point"]


@pytest.fixture(autouse=True)
def points(monkeypatch):
    """As freqtrade has them from 2026.1 on."""
    monkeypatch.setattr(chart, "HAS_POINTS", True)


def test_a_freqtrade_without_points_is_given_none(monkeypatch):
    """2025.12 logged an error for each, whenever FreqUI asked."""
    monkeypatch.setattr(chart, "HAS_POINTS", False)
    assert {a["type"] for a in drawn(drawing())} == {"area"}


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
def test_annotations_are_valid_and_inside_the_window(opened, closed, monkeypatch):
    monkeypatch.undo()
    found = drawn(drawing(opened, closed, [(1, 0.25)]))
    assert len([a for a in found if a["type"] == "area"]) == 7
    for annotation in found:
        AnnotationTypeTA.validate_python(annotation, extra="forbid")
        if annotation["type"] == "area":
            assert START <= annotation["start"] < annotation["end"] <= EDGE
            assert annotation["y_start"] > 0
        else:
            assert START <= annotation["x"] <= EDGE
        assert not set("<>&") & set(annotation["label"])


def test_the_window_is_what_frequi_shows_of_the_newest_250_candles():
    count = 300
    known = pd.DataFrame({"date": pd.date_range(START, periods=count, freq=CANDLE)})
    known["low"], known["high"] = 30.0, 100.0
    known.loc[49, ["low", "high"]] = 10.0, 200.0
    known.loc[50, ["low", "high"]] = 20.0, 150.0
    assert Window.of(known, CANDLE) == Window(START, START + 299 * CANDLE, CANDLE, 20.0, 150.0)


def test_markers_have_rows_from_low_to_high_but_beside_labels():
    window = Window(START, END, CANDLE, 100.0, 200.0)
    every = [102.5 + 5 * number for number in range(19)]
    assert window.rows([]) == pytest.approx(every)
    assert window.rows([105.0, 171.0]) == pytest.approx(
        [y for y in every if y not in (102.5, 107.5, 167.5, 172.5)]
    )
    assert window.rows([152.5]) == pytest.approx([y for y in every if y not in (147.5, 152.5, 157.5)])
    shown = window.with_rate(90.0).with_rate(150.0).with_rate(210.0)
    assert (shown.low, shown.high) == (90.0, 210.0)


def test_areas_are_risk_reward_and_a_thin_one_for_each_level():
    areas = [a for a in drawn(drawing(exits=[(1, 0.25)])) if a["type"] == "area"]
    assert [(a["y_start"], a["y_end"], a["color"]) for a in areas] == [
        (100.0, 98.8, "#c6282822"),
        (100.0, 108.0, "#2e7d3222"),
        (pytest.approx(99.99), pytest.approx(100.01), "#1565c0"),
        (pytest.approx(98.79012), pytest.approx(98.80988), "#c62828"),
        (pytest.approx(101.9898), pytest.approx(102.0102), "#6a6a6a"),
        (pytest.approx(103.9896), pytest.approx(104.0104), "#2e7d32"),
        (pytest.approx(107.9892), pytest.approx(108.0108), "#2e7d32"),
    ]


@pytest.mark.parametrize(
    ("opened", "closed", "start", "end"),
    [
        (START - CANDLE, None, START, EDGE),
        (START + 3.5 * CANDLE, START + 60.5 * CANDLE, START + 3 * CANDLE, START + 60.5 * CANDLE),
        (START + 3.5 * CANDLE, START + 3.7 * CANDLE, START + 3 * CANDLE, START + 4 * CANDLE),
        (START + CANDLE, EDGE + CANDLE, START + CANDLE, EDGE),
    ],
)
def test_a_trade_is_drawn_from_its_entry_to_its_end(opened, closed, start, end):
    found = drawn(drawing(opened, closed, [(1, 0.25), (0, 0.75)]))
    assert {(a["start"], a["end"]) for a in found if a["type"] == "area"} == {(start, end)}
    if closed:
        assert [a["x"] for a in found if a["type"] == "point"] == [start + (end - start) / 2]


def test_a_trade_that_ended_as_the_chart_begins_is_not_drawn():
    assert drawn(drawing(START - CANDLE, START)) == []


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        # beside the entry at 100 there is no room
        (99.5, 100.5, {"up: TP3": 100.425, "up: TP2": 100.375, "up: TP1": 100.325, "down: stop": 99.525}),
        # the entry widens the view
        (101.0, 102.0, {"up: TP3": 101.85, "up: TP2": 101.75, "down: stop": 100.15}),
        (98.8, 108.0, {}),
    ],
)
def test_markers_lie_at_the_edge_the_outermost_level_first(low, high, marks):
    points = [a for a in drawn(drawing(), low=low, high=high) if a["type"] == "point"]
    at_edge = [a for a in points if a["shape"] == "triangle"]
    assert {" ".join(a["label"].split()[:2]): a["y"] for a in at_edge} == pytest.approx(marks)
    assert {a["rotate"] for a in at_edge if a["label"].startswith("down")} <= {180}
    assert {(a["x"], a["size"]) for a in points} == {(END - 25 * CANDLE, 5)}
    assert [(a["y"], a["rotate"]) for a in points if a["shape"] == "circle"] == [
        (rate, 0) for rate in (100.0, 102.0, 104.0, 108.0)
    ]


def test_the_newest_twenty_trades_of_a_pair_are_drawn():
    chart = Chart()
    for number in range(TRADES_PER_PAIR + 3):
        chart.add("BTC/USDT", number, drawing())
    chart.add("BTC/USDT", 0, drawing())
    assert [*chart._drawings["BTC/USDT"]] == list(range(3, 23))


def test_a_trade_that_ended_before_the_chart_is_not_drawn():
    assert drawn(drawing(START - 9 * CANDLE, START - CANDLE)) == []


def test_an_open_trade_is_drawn_from_its_entry_and_not_from_ten_candles_before():
    found = drawn(drawing(END + timedelta(minutes=7)))
    areas = [a for a in found if a["type"] == "area"]
    assert {a["start"] for a in areas} == {END + CANDLE}
    assert {a["end"] for a in areas} == {EDGE}


@pytest.mark.parametrize(
    ("is_short", "exits", "told"),
    [
        (
            False,
            [(1, 0.25)],
            ["TP1 102.00 +2 %, sold 25 %", "TP2 104.00 +4 %, sells 30 %", "TP3 108.00 +8 %, sells 45 %"],
        ),
        (
            True,
            [(1, 0.25)],
            [
                "TP1 98.00 -2 %, bought back 25 %",
                "TP2 96.00 -4 %, buys back 30 %",
                "TP3 92.00 -8 %, buys back 45 %",
            ],
        ),
        # a forced exit leaves nothing for the first target
        (False, [(0, 0.40)], ["TP2 104.00 +4 %, sells 15 %", "TP3 108.00 +8 %, sells 45 %"]),
    ],
)
def test_targets_tell_rate_percent_share_and_what_amounts_became_of_them(is_short, exits, told):
    found = labels(drawing(exits=exits, is_short=is_short))
    assert [text for text in found if text.startswith("TP")] == told


def test_frequi_itself_writes_the_stop_of_an_open_trade_in_view():
    assert not [text for text in labels(drawing()) if "stop" in text]


def test_levels_beyond_the_candles_are_marked_at_the_edge():
    found = labels(drawing(), low=99.5, high=100.5)
    assert [text for text in found if text.startswith(("up", "down"))] == [
        "up: TP3 108.00 +8 %, sells 45 %",
        "up: TP2 104.00 +4 %, sells 30 %",
        "up: TP1 102.00 +2 %, sells 25 %",
        "down: stop 98.80 -1.2 %",
    ]


def test_a_last_target_from_which_the_stop_trails_says_so():
    its = replace(plan(), trail_percent=2.0)
    found = labels(Drawing(its, progress_of(its, sold_of(1.0, [(2, 0.55)])), 101.0, START, None))
    assert found[-1] == "TP3 108.00 +8 %, the stop trails from here"


def test_no_two_labels_in_view_lie_over_each_other():
    found = drawn(drawing(), low=99.5, high=100.5)
    heights = sorted(a["y"] for a in found if a["type"] == "point" and 99.5 <= a["y"] <= 100.5)
    assert len(heights) == 5
    assert min(b - a for a, b in pairwise(heights)) >= 0.049


def test_a_closed_trade_tells_where_it_was_sold():
    closed = drawing(closed=END, exits=[(1, 0.25), (0, 0.75)])
    assert labels(closed) == ["TP1 sold 25 %"]


def test_a_gap_that_sells_all_at_the_last_target_ticks_all_three():
    closed = drawing(closed=END, exits=[(3, 1.0)])
    assert labels(closed) == ["TP1 sold 25 %", "TP2 sold 30 %", "TP3 sold 45 %"]


@pytest.mark.parametrize("is_short", [False, True])
def test_the_chart_grows_to_the_stop_and_the_last_target_of_an_open_trade(is_short):
    chart = Chart()
    chart.add("BTC/USDT", 1, drawing(START, START + 9 * CANDLE, is_short=is_short))
    chart.add("BTC/USDT", 2, drawing(END - 20 * CANDLE, is_short=is_short))
    chart.annotations("BTC/USDT", ours := candles(), CANDLE)
    chart.annotations("ETH/USDT", others := candles(), CANDLE)
    rows = ours[[*LINES]].dropna()
    assert ours.loc[rows.index, "date"].tolist() == ours["date"].tolist()[-21:]
    assert rows.drop_duplicates().values.tolist() == [[101.2, 92.0] if is_short else [98.8, 108.0]]
    assert others[[*LINES]].isna().all(axis=None)


def test_a_chart_shows_its_own_pair_only():
    assert Chart().annotations("BTC/USDT", candles(), CANDLE) == []


def test_a_deleted_trade_leaves_the_chart(tmp_path):
    chart = Chart()
    chart.follow_deletions()
    with database(f"sqlite:///{tmp_path}/bot.sqlite"):
        trade, other = (add_trade("BTC/USDT", hour) for hour in (0, 1))
        for number in (trade.id, other.id):
            chart.add("BTC/USDT", number, drawing())
        chart.erase(other)
        assert chart.annotations("BTC/USDT", candles(), CANDLE)
        Trade.commit()
        trade.delete()
    assert chart.annotations("BTC/USDT", candles(), CANDLE) == []
