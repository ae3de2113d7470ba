"""What market orders would have cost: tiny recordings with answers worked by hand, and a real day."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from freqtrade_ext.__main__ import main
from freqtrade_ext.fidelity.cost_figures import LEAST_PROBES
from freqtrade_ext.fidelity.market_costs import PROBE_MS, measure_costs
from freqtrade_ext.fills.costs import read_costs
from freqtrade_ext.run.costs import write
from tests.fidelity.test_scoreboard import Tiny
from tests.hostile_lines import recordings

SIZES = (50.0, 150.0, 5_000.0)
# mid 99.5; one at each of 99, 98 and 100, 101, ten behind
HALF_SPREAD = 1e4 * 0.5 / 99.5
MINUTE_MS = 60_000


def measured(tiny, **kwargs):
    tiny.path.write_text("".join(tiny.lines))
    return measure_costs([tiny.path], kwargs.pop("sizes", SIZES), kwargs.pop("latency_ms", 125))["BTCUSDT"]


@pytest.fixture
def still(tmp_path):
    """A book that does not move for ten minutes, told each second."""
    tiny = Tiny(tmp_path / "still.txt").snapshot()
    for second in range(600):
        tiny.depth(1000 * second, (11 + second, 11 + second), [["50", f"{1 + second}"]])
    return tiny


def test_spread_and_depth_of_a_book_that_stands_still(still):
    figures = measured(still)
    assert figures["half_spread_bps"]["all"] == pytest.approx(HALF_SPREAD, abs=1e-4)
    # 150 USDT are 1.5075 coins: a third of them one level, 1.00, behind the best
    amount = 150 / 99.5
    behind = 1e4 * (amount - 1) / amount / 99.5
    assert figures["depth_bps"]["50"] == 0
    assert figures["depth_bps"]["150"] == pytest.approx(behind, abs=1e-3)
    low, high = figures["interval_bps"]["150"]
    assert low == high == pytest.approx(HALF_SPREAD + behind, abs=0.01)
    assert figures["delay_bps"] == 0
    assert figures["count"]["probes"] == 120


def test_a_size_that_most_books_cannot_fill_has_no_value(still):
    figures = measured(still, sizes=(50.0, 50_000.0))
    assert list(figures["depth_bps"]) == ["50"]


def test_nothing_is_known_while_differences_are_missing(tmp_path):
    tiny = Tiny(tmp_path / "gap.txt").snapshot()
    for second in range(60):
        tiny.depth(1000 * second, (11 + second, 11 + second))
    tiny.depth(60_000, (200, 200))  # 71 to 199 are lost
    for second in range(61, 600):
        tiny.depth(1000 * second, (140 + second, 140 + second))
    assert measured(tiny)["count"]["probes"] == pytest.approx(60_000 / PROBE_MS, abs=1)


def test_a_silent_recording_does_not_count_as_a_book_that_stands(tmp_path):
    tiny = Tiny(tmp_path / "silent.txt").snapshot()
    for number, second in enumerate((*range(60), *range(3600, 3660))):
        tiny.depth(1000 * second, (11 + number, 11 + number))
    assert measured(tiny)["count"]["probes"] <= 2 * 60_000 / PROBE_MS


def test_the_delay_is_what_the_mid_goes_on_in_the_direction_of_its_move(tmp_path):
    """Each move up by 0.5 is followed by one of 0.25 within 100 ms: an order sent meanwhile runs after it."""
    tiny = Tiny(tmp_path / "moves.txt").snapshot().depth(0, (11, 11))
    bid, ask = 99.0, 100.0
    for number in range(20):
        at, sign = 2_000 * (number + 1), -1 if number % 2 else 1
        for later, step in ((0, 0.5), (100, 0.25)):
            bid, ask = bid + sign * step, ask + sign * step
            tiny.top(at + later, 12 + 2 * number + (later > 0), f"{bid}", "1", f"{ask}", "1")
    tiny.depth(60_000, (11, 60))
    figures = measured(tiny)
    assert figures["count"]["moves"] == 20
    assert figures["delay_bps"] == pytest.approx(1e4 * 0.25 / 99.9, rel=0.01)
    # who is fast is there before it
    assert measured(tiny, latency_ms=50)["delay_bps"] == 0


def test_a_wild_market_is_dearer_by_its_factor(tmp_path):
    """In the second half of each hour the rate ranges by 4 %, and the spread is double."""
    tiny = Tiny(tmp_path / "wild.txt").snapshot()
    for minute in range(240):
        is_wild = minute % 60 >= 30
        half = 1.0 if is_wild else 0.5
        # no two ranges are the same
        rate = 99.5 + (minute % 2) * ((4 if is_wild else 0.1) + minute / 1e5)
        for part in range(6):
            at, update = minute * MINUTE_MS + part * 10_000, 11 + 6 * minute + part
            tiny.depth(at, (update, update), [[f"{99.5 - half}", "1"]], [[f"{99.5 + half}", "1"]])
            tiny.top(at + 1, update + 1, f"{99.5 - half}", "1", f"{99.5 + half}", "1")
            tiny.trade(at, f"{rate}", "0.1")
    figures = measured(tiny)
    calm, wild = figures["range_percent"]
    assert 0.1 < calm < wild < 4.2
    # the range of 15 minutes is late by up to that time, twice an hour
    assert figures["range_factor"][0] < 0.85
    assert figures["range_factor"][-1] > 1


def test_the_command_writes_a_file_that_a_person_can_read_and_keeps_other_pairs(tmp_path, still, capsys):
    measured(still)
    out = tmp_path / "costs.json"
    stored = {"quote_volume_per_hour": 1, "half_spread_bps": {"all": 7}}
    out.write_text(json.dumps({"pairs": {"NEXOUSDT": stored, "BTCUSDT": stored}}))
    assert main(["costs", str(still.path), "--out", str(out)]) == 0
    pairs = json.loads(out.read_text())["pairs"]
    assert pairs["NEXOUSDT"] == stored
    assert pairs["BTCUSDT"]["half_spread_bps"]["all"] == pytest.approx(HALF_SPREAD, abs=1e-4)
    assert '      "half_spread_bps": {"all": ' in out.read_text()
    assert "backtest_costs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("nonsense\n", "no usable line"),
        ('{"lastUpdateId": 1, "bids": [], "asks": []}\n', "whole"),
    ],
)
def test_recordings_that_tell_nothing_are_refused(tmp_path, content, message, capsys):
    file = tmp_path / "bad.txt"
    file.write_text(content)
    assert main(["costs", str(file), "--out", str(tmp_path / "costs.json")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "costs.json").exists()


def test_a_damaged_file_of_costs_is_not_overwritten(tmp_path, still, capsys):
    measured(still)
    out = tmp_path / "costs.json"
    out.write_text("{")
    assert main(["costs", str(still.path), "--out", str(out)]) == 2
    assert out.read_text() == "{"


def test_a_real_day_of_a_thin_pair(shared_data):
    files = sorted((shared_data / "book" / "nexo_spot_NEXOUSDT_20240723_24").glob("*.gz"))
    figures = measure_costs(files, SIZES, 125)["NEXOUSDT"]
    assert figures["half_spread_bps"]["all"] == pytest.approx(
        5, abs=1
    )  # its README: a spread of 8 bps and more
    assert len(figures["half_spread_bps"]) == 25
    assert 0 < figures["depth_bps"]["50"] < figures["depth_bps"]["150"] < figures["depth_bps"]["5000"]
    assert figures["count"]["probes"] > 100 * LEAST_PROBES


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=recordings)
def test_no_hostile_recording_crashes_it_or_leads_to_what_cannot_be_charged(tmp_path, content):
    good = Tiny(tmp_path / "hostile.txt").snapshot()
    for second in range(20):
        good.depth(1000 * second, (11 + second, 11 + second))
    good.path.write_bytes("".join(good.lines).encode() + content)
    found = measure_costs([good.path], SIZES, 125)
    json.dumps(found, allow_nan=False)
    costs = tmp_path / "costs.json"
    write(costs, found)
    assert "BTCUSDT" in read_costs(costs)


def test_after_a_damaged_level_the_next_snapshot_begins_anew(tmp_path):
    tiny = Tiny(tmp_path / "damaged.txt").snapshot()
    for second in range(10):
        tiny.depth(1000 * second, (11 + second, 11 + second))
    tiny.depth(10_000, (21, 21), [["99.2", "much"]])
    for second in range(11, 30):
        tiny.depth(1000 * second, (11 + second, 11 + second))
    tiny.snapshot(41)
    for second in range(31, 90):
        tiny.depth(1000 * second, (11 + second, 11 + second))
    figures = measured(tiny)
    assert figures["half_spread_bps"]["all"] == pytest.approx(HALF_SPREAD, abs=1e-4)
    assert figures["count"]["probes"] == pytest.approx((10_000 + 59_000) / PROBE_MS, abs=2)
