"""`freqtrade-ext replay`: the real bot in virtual time."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import count
from types import SimpleNamespace

import pytest

from freqtrade_ext.replica import Replica
from freqtrade_ext.run import replay
from freqtrade_ext.run.replay import overlay_for
from freqtrade_ext.run.virtual_time import Clock
from tests.bot_process import ENVIRONMENT, ROOT, Forked

pytestmark = pytest.mark.timeout(280)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# within twelve minutes on this seed BTC reaches its first target and SOL falls through its stop
MINUTES = 12
COMMAND = ["--days", str(MINUTES / 1440), "--pairs", "BTC/USDT", "ETH/USDT", "SOL/USDT"]


def start(folder, *arguments):
    return Forked(folder, "freqtrade_ext", "replay", "--report", folder, *arguments, cwd=ROOT)


def start_afresh(folder, *arguments):
    """Start it with other hashes of its texts than those that all forked processes have."""
    return subprocess.Popen(
        [sys.executable, "-m", "freqtrade_ext", "replay", "--report", str(folder), *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(folder, query):
    (path,) = folder.glob("*.sqlite")
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def everything(folder):
    """All rows of all tables, without the random part of order ids."""
    tables = [name for (name,) in rows(folder, "select name from sqlite_master where type = 'table'")]
    found = {name: rows(folder, f"select * from {name}") for name in tables}
    return {name: sorted(UUID.sub("uuid", repr(row)) for row in table) for name, table in found.items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three replays side by side, two of them the same."""
    runs = {"first": (start,), "second": (start_afresh,), "every": (start, "--every-loop")}
    folders = {name: tmp_path_factory.mktemp(name) for name in runs}
    processes = {name: begin(folders[name], *COMMAND, *more) for name, (begin, *more) in runs.items()}
    try:
        said = {name: process.communicate(timeout=240)[0] for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    for name, process in processes.items():
        assert process.returncode == 0, said[name]
    return {name: (folders[name], said[name]) for name in runs}


OWN_EXITS = """
from freqtrade.strategy import IStrategy
from freqtrade_ext import PaperFills

class Theirs(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 0.004}
    stoploss = -0.5
    order_types = {"entry": "market", "exit": "market", "stoploss": "market", "stoploss_on_exchange": False}
    def populate_indicators(self, df, metadata): return df
    def populate_entry_trend(self, df, metadata): return df.assign(enter_long=1)
    def populate_exit_trend(self, df, metadata): return df

class OwnExits(PaperFills, Theirs): pass
"""


def test_exits_of_a_strategy_come_at_their_rates_not_with_the_next_candle(tmp_path):
    """A ROI of 0.4 % was taken at up to 1.4 %."""
    (tmp_path / "own_exits.py").write_text(OWN_EXITS)
    changes = tmp_path / "changes.json"
    changes.write_text(json.dumps({"strategy_path": str(tmp_path), "stake_amount": 100}))
    process = start(
        tmp_path, "--days", "0.02", "--pairs", "BTC/USDT", "--seed", "3", "--strategy", "OwnExits",
        "--config", "config.json", str(changes),
    )  # fmt: skip
    said = process.communicate(timeout=240)[0]
    assert process.returncode == 0, said
    closed = rows(tmp_path, "select close_profit, exit_reason from trades where not is_open")
    assert len(closed) >= 4
    assert {reason for _, reason in closed} == {"roi"}
    assert all(0.0038 < profit < 0.005 for profit, _ in closed)


def test_same_seed_gives_the_same_database(runs):
    first, second = everything(runs["first"][0]), everything(runs["second"][0])
    assert len(first["trades"]) == 2
    assert first == second


def test_loops_left_out_would_have_changed_nothing(runs):
    orders = "select ft_trade_id, ft_order_side, ft_order_tag, filled, average, order_date from orders"
    trades = "select pair, open_date, close_date, exit_reason, close_profit_abs, stop_loss from trades"
    for query in (orders, trades):
        assert rows(runs["first"][0], query) == rows(runs["every"][0], query)
    # the last line of the progress has them all
    loops = [int(re.findall(r"(\d+) loops", runs[name][1])[-1]) for name in ("first", "every")]
    assert loops[1] > 10 * loops[0]


def test_stops_and_targets_are_met_in_virtual_time(runs):
    query = (
        "select ft_pair, ft_order_tag, order_filled_date from orders where ft_order_side = 'sell' order by id"
    )
    sold = [(pair, tag.split()[0], date[:15]) for pair, tag, date in rows(runs["first"][0], query)]
    assert sold == [
        ("BTC/USDT", "tp1", "2026-01-01 00:0"),
        ("SOL/USDT", "stop_loss", "2026-01-01 00:1"),
    ]


def test_database_log_report_and_speed_are_named(runs):
    folder, said = runs["first"]
    assert "virtual hours per second" in said
    for name in ("sqlite", "log", "html"):
        (path,) = folder.glob(f"*.{name}")
        assert path.name in said.replace("\n", "")


def test_recording_is_traded_on_until_it_ends(shared_data, tmp_path):
    files = sorted((shared_data / "book" / "hftbacktest_spot_BTCUSDT_20240808").glob("*.gz"))
    config = json.loads((ROOT / "config.json").read_text())
    config |= {"strategy": "AlwaysEnter", "strategy_path": str(ROOT / "tests" / "strategies")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    process = start(tmp_path, "--config", str(tmp_path / "config.json"), "--recording", *files)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    (log,) = tmp_path.glob("*.log")
    assert "The recording of BTCUSDT ended" in log.read_text()
    # it is eleven minutes long, and thirty days were to be played
    assert "day 0.01: " in said
    # the best ask of the recording after the order's way
    ((average, filled),) = rows(tmp_path, "select average, filled from orders")
    assert (average, filled) == pytest.approx((61_837.64, 0.00242), rel=1e-12)


def test_unknown_strategy_is_one_clear_line(tmp_path):
    process = start(tmp_path, "--days", "0.01", "--strategy", "NoSuchStrategy", "--pairs", "BTC/USDT")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.startswith("freqtrade-ext replay: ")
    assert "NoSuchStrategy" in said


def test_a_configuration_without_a_whitelist_is_told_what_to_give(tmp_path):
    config = json.loads((ROOT / "config.json").read_text())
    del config["exchange"]["pair_whitelist"]
    volume = {"method": "VolumePairList", "number_assets": 2, "sort_key": "quoteVolume"}
    (tmp_path / "config.json").write_text(json.dumps(config | {"pairlists": [volume]}))
    arguments = ["--config", str(tmp_path / "config.json"), "--days", "0.003"]
    said, _ = (process := start(tmp_path, *arguments)).communicate(timeout=120)
    assert process.returncode == 1
    assert said.startswith("freqtrade-ext replay: ")
    assert "has no exchange.pair_whitelist: name the pairs with --pairs" in said
    said, _ = (process := start(tmp_path, *arguments, "--pairs", "BTC/USDT", "SOL/USDT")).communicate(
        timeout=120
    )
    assert process.returncode == 0, said
    (log,) = (path for path in tmp_path.glob("*.log") if "VolumePairList" in path.read_text())
    assert "Whitelist with 2 pairs" in log.read_text()


def test_progress_is_shown_every_few_seconds_and_not_once_a_virtual_day(monkeypatch, capsys):
    virtual = SimpleNamespace(clock=Clock(), loops=0)
    seconds = count(0, 0.25)
    monkeypatch.setattr(replay.time, "monotonic", lambda: next(seconds))
    progress = replay.Progress(virtual)
    for _ in range(60):
        progress()
    # a quarter of a second passes with each look at the clock
    assert 4 <= capsys.readouterr().out.count("virtual hours per second") <= 8


def test_nobody_outside_is_told_of_virtual_trades(tmp_path):
    config = json.loads((ROOT / "config.json").read_text()) | {"telegram": {"enabled": True, "token": "1"}}
    replica = Replica(seed=1, pairs=["ETH/USDT"], scenario="calm")
    changes = overlay_for(config, replica, 5, tmp_path / "log")
    assert changes["telegram"] == {"enabled": False}
    assert "webhook" not in changes  # freqtrade refuses an incomplete section even where it is disabled
    assert changes["exchange"]["pair_whitelist"] == ["ETH/USDT"]
    assert changes["freqtrade_ext"] == {"feed": False, "seed": 5}
