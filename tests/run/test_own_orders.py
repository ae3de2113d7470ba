"""`fidelity --own` on a live bot: it finds what the exchange hides, and says what cannot be compared."""

import sqlite3
from contextlib import closing

import pytest

from freqtrade_ext.run.fidelity import main
from freqtrade_ext.run.own_orders import compare
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT, Forked
from tests.live_bot import hidden

pytestmark = pytest.mark.timeout(240)

SEED, MINUTES = 1, 10


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A folder with a live bot's database, and the tapes of its time."""
    folder = tmp_path_factory.mktemp("live")
    bot = Forked(folder, "tests.live_bot", "--seed", SEED, "--minutes", MINUTES, "--out", folder, cwd=ROOT)
    said, _ = bot.communicate(200)
    assert bot.returncode == 0, said
    return folder


def test_the_hidden_way_and_the_hidden_queue_are_found(traded):
    """Twenty seeds: `python -m benchmarks.own`."""
    found = compare(str(traded / "bot.sqlite"), sorted(traded.glob("*.tape")), Settings())
    (low, high), rule = hidden(SEED)
    way = found["latency_ms"]["there"]
    assert way["n"] >= 20
    assert way["interval"][0] <= (low + high) / 2 <= way["interval"][1]
    assert low - 1 <= way["p5"] < way["p95"] <= high + 1
    limit = found["limit"]
    assert limit["n"] >= 10
    assert limit["estimates"][rule]["interval"] == pytest.approx([0, 0], abs=1)
    assert abs(limit["estimates"]["pessimistic"]["bias"]) > 5
    market = found["market"]["all"]
    assert market["n"] >= 6
    # the book of the tape is that of a difference before, up to 100 ms old
    assert abs(market["total"]["mean"]) < 1
    assert found["fees"]["assets"] == {"received": found["fees"]["n"]}
    assert found["fees"]["ratio"] == pytest.approx(0.001, rel=1e-3)


def test_the_command_prints_tables_and_what_to_set(traded, capsys, monkeypatch):
    monkeypatch.chdir(traded)
    assert main(["--own", "bot.sqlite", *map(str, sorted(traded.glob("*.tape")))]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Market orders: paid more than predicted" in told
    assert "orders; left out: " in told
    assert 'Set "latency_ms": [8' in told
    assert 'Set "fee_asset": "received"' in told


def test_orders_of_pairs_that_were_not_recorded_are_counted(traded):
    found = compare(str(traded / "bot.sqlite"), [traded / "ETHUSDT.tape"], Settings())
    assert found["left_out"]["outside the recording"] > found["orders"] / 2


def test_a_database_without_orders_is_one_line(tmp_path, traded, capsys):
    assert main(["--own", str(tmp_path / "none.sqlite"), str(traded / "ETHUSDT.tape")]) == 2
    assert "there is no database" in capsys.readouterr().err


def test_a_paper_bots_orders_are_no_truth(traded, tmp_path, capsys):
    paper = tmp_path / "paper.sqlite"
    with closing(sqlite3.connect(traded / "bot.sqlite")) as live, closing(sqlite3.connect(paper)) as copy:
        live.backup(copy)
        copy.execute("update orders set order_id = 'dry_run_' || order_id")
        copy.commit()
    assert main(["--own", str(paper), str(traded / "ETHUSDT.tape")]) == 2
    assert "holds no real order to compare; those of a paper bot are no truth" in capsys.readouterr().err
