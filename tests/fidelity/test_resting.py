"""Resting orders against the truth of order-by-order tapes: by hand, on generated markets, on real ones."""

import json

import pytest

from freqtrade_ext.__main__ import main
from freqtrade_ext.fidelity.levels import ORDERS
from freqtrade_ext.fidelity.play_state import new_play
from freqtrade_ext.fidelity.replay_orders import play
from freqtrade_ext.fidelity.resting import measure_resting
from freqtrade_ext.fidelity.rules import RULES
from freqtrade_ext.tape import RecordingError
from freqtrade_ext.tape.by_order import OrderTape
from tests.fidelity import orders

# the first test compiles, 25 s of processor time
pytestmark = pytest.mark.timeout(300)

HORIZONS = ["1", "10", "30", "60"]


def write(tmp_path, rows):
    """A LOBSTER file of (seconds, type, id, size, rate, side)."""
    path = tmp_path / "tape.csv"
    lines = (
        f"{s},{kind},{order},{size},{rate * 10_000:.0f},{side}" for s, kind, order, size, rate, side in rows
    )
    path.write_text("\n".join(lines) + "\n")
    return path


QUIET = [(0.0, 1, 1, 5, 100.0, 1), (0.0, 1, 2, 5, 101.0, -1)]
END = [(200.0, 1, 99, 1, 90.0, 1)]


def real(tmp_path, rows):
    """What became of the one order that joined the best bid, by horizon: truth and the rules that fill it."""
    report = measure_resting([write(tmp_path, [*QUIET, *rows, *END])])
    found = report["probes"]["real"]
    assert {row["n"] for row in found.values()} == {1}
    return {
        seconds: (row["truth"] == 100, {name for name in RULES if row["rules"][name]["filled"] == 100})
        for seconds, row in found.items()
    }


def test_an_order_is_filled_once_what_was_ahead_and_itself_are_executed(tmp_path):
    found = real(
        tmp_path,
        [
            (70.0, 1, 3, 4, 100.0, 1),
            (75.0, 4, 1, 5, 100.0, 1),
            (75.0, 4, 3, 1, 100.0, 1),
            (90.0, 4, 3, 3, 100.0, 1),
        ],
    )
    assert found["1"] == (False, set())
    assert found["10"] == (
        False,
        {"optimistic", "risk_adverse", "power_3"},
    )  # they fill all once they are hit
    assert found["30"] == (True, set(RULES) - {"stock"})


def test_an_order_that_is_cancelled_is_compared_up_to_its_end(tmp_path):
    found = real(
        tmp_path,
        [
            (70.0, 1, 3, 4, 100.0, 1),
            (80.0, 3, 3, 4, 100.0, 1),
            (81.0, 4, 1, 5, 100.0, 1),
            (81.0, 5, 0, 9, 99.0, 1),
        ],
    )
    assert all(row == (False, set()) for row in found.values())


def test_what_an_order_takes_off_itself_is_no_part_of_its_fill(tmp_path):
    found = real(
        tmp_path,
        [
            (70.0, 1, 3, 4, 100.0, 1),
            (71.0, 2, 3, 3, 100.0, 1),
            (72.0, 4, 1, 5, 100.0, 1),
            (72.0, 4, 3, 1, 100.0, 1),
        ],
    )
    assert found["10"] == (True, set(RULES) - {"stock"})


def test_orders_never_placed_on_the_tape_were_there_from_the_start(tmp_path):
    rows = [
        (10.0, 1, 5, 1, 90.0, 1),
        (70.0, 1, 6, 2, 100.0, 1),
        (72.0, 4, 3, 5, 100.0, 1),
        (73.0, 4, 6, 2, 100.0, 1),
    ]
    report = measure_resting([write(tmp_path, [(0.0, 1, 4, 5, 101.0, -1), *rows, *END])])
    assert report["probes"]["real"]["10"]["truth"] == 100
    assert report["probes"]["real"]["10"]["rules"]["expected"]["wrong"] == 0


def test_a_standing_quote_through_a_phantom_would_have_been_matched_with_it(tmp_path):
    rows = [(100.05, 3, 1, 5, 100.0, 1), (100.05, 1, 7, 5, 99.0, 1), (100.25, 1, 8, 9, 99.5, -1)]
    report = measure_resting([write(tmp_path, [*QUIET, *rows, (150.0, 3, 8, 9, 99.5, -1), *END])])
    found = report["probes"]["phantom"]["60"]
    assert found["truth"] > found["truth_by_executions_alone"] == 0
    assert found["rules"]["expected"]["wrong"] < 2


@pytest.mark.parametrize("shift_s", [34_200.0, 1_777_689_381.0])
def test_a_tape_may_begin_at_any_time(tmp_path, shift_s):
    rows = [*QUIET, (70.0, 1, 3, 4, 100.0, 1), (75.0, 4, 1, 5, 100.0, 1), *END]
    shifted = [(row[0] + shift_s, *row[1:]) for row in rows]
    at_0, later = (measure_resting([write(tmp_path, tape)]) for tape in (rows, shifted))
    assert later["probes"] == at_0["probes"]


@pytest.fixture(scope="module")
def fifo():
    return orders.market(seed=5)


@pytest.fixture(scope="module")
def report(fifo, tmp_path_factory):
    return measure_resting(orders.lobster(fifo, tmp_path_factory.mktemp("tape") / "m.csv"))


def test_the_report_has_each_rule_at_each_horizon(report):
    assert set(report) == {
        "files",
        "events",
        "events_per_second",
        "probes",
        "cost_bps",
        "markout_bps",
        "checks",
    }
    for kind in ("real", "phantom"):
        assert list(report["probes"][kind]) == HORIZONS
        for row in report["probes"][kind].values():
            assert set(row["rules"]) == set(RULES)
            for rule in row["rules"].values():
                low, high = rule["bias_95"]
                assert low <= rule["bias"] <= high
                assert rule["bias"] == pytest.approx(rule["filled"] - row["truth"])
                assert rule["wrong"] >= abs(rule["bias"]) - 1e-9
    assert set(report["cost_bps"]) == set(report["markout_bps"]) == {"truth", *RULES}


def test_the_bounds_hold_and_the_estimate_is_calibrated_on_a_generated_market(report):
    for kind in ("real", "phantom"):
        for seconds in ("10", "30"):
            rules = report["probes"][kind][seconds]["rules"]
            assert rules["pessimistic"]["false"] <= 0.1
            assert rules["optimistic"]["bias"] >= 0
            assert abs(rules["expected"]["bias"]) <= 2.5
            assert rules["expected"]["wrong"] <= min(rules[name]["wrong"] for name in RULES[3:]) + 1.0


def test_orders_that_are_executed_are_kept_no_longer(fifo, tmp_path):
    (path,) = orders.lobster(fifo, tmp_path / "m.csv")
    run = new_play()
    for events in OrderTape(path):
        play(events, run)
    live = sum(len(queue) for levels in fifo.queues.values() for queue in levels.values())
    assert len(run.index) == ORDERS - run.orders.used[0] == live


def test_all_forms_of_one_tape_tell_the_same(fifo, report, tmp_path):
    def shares(found):
        return {
            (kind, seconds): (
                row["n"],
                row["truth"],
                {name: rule["filled"] for name, rule in row["rules"].items()},
            )
            for kind, rows in found["probes"].items()
            for seconds, row in rows.items()
        }

    as_csv = measure_resting(orders.csv(fifo, tmp_path / "o.csv.gz", tmp_path / "t.csv"))
    recorded = measure_resting(orders.bitstamp(fifo, tmp_path / "r.xz"))
    assert shares(as_csv) == shares(recorded)
    assert shares(report).keys() == shares(as_csv).keys()
    for key, (n, truth, _) in shares(report).items():
        assert (n, truth) == shares(as_csv)[key][:2]


def test_the_command_prints_tables_and_writes_json_and_a_picture(fifo, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    paths = orders.lobster(fifo, tmp_path / "m.csv")
    out, picture = tmp_path / "r.json", tmp_path / "r.png"
    arguments = ["fidelity", "--resting", *map(str, paths), "--json", str(out), "--plot", str(picture)]
    assert main(arguments) == 0
    assert json.loads(out.read_text())["events"] == len(fifo.messages)
    assert picture.stat().st_size > 10_000
    assert "ours, expected" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("hello\n", "no order-by-order tape"),
        ('1 {"stream": "btcusdt@trade", "data": {}}\n', "not one order"),
        ("trade_id,timestamp\n1,2\n", "without the file of their orders"),
        (
            "id,timestamp,exchange_timestamp,price,volume,action,direction\n1,1,1,1,1,created,bid\n",
            "its trades",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(text, why, tmp_path, capsys):
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(RecordingError, match=why):
        measure_resting([path])
    assert main(["fidelity", "--resting", str(path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
