import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import psutil
import pytest

from freqtrade_ext.run import trade
from tests.bot_process import ENVIRONMENT, ROOT, wait_until

pytestmark = pytest.mark.timeout(200)


def test_an_overlay_s_exchange_is_the_one_that_is_probed(tmp_path, monkeypatch, closed_port, capsys):
    """It was Binance's replica that Bybit's overlay was merged onto, and freqtrade hung."""
    shutil.copy(ROOT / "config.json", tmp_path)
    (tmp_path / "user_data").mkdir()
    api = {"public": f"http://127.0.0.1:{closed_port}"}
    bybit = {"exchange": {"name": "bybit", "ccxt_config": {"urls": {"api": api}}}}
    (tmp_path / "bybit.json").write_text(json.dumps(bybit))
    monkeypatch.chdir(tmp_path)
    assert trade.main(["--config", "bybit.json"]) == 1
    assert "not started: bybit does not answer (NetworkError)" in capsys.readouterr().out


def test_the_configuration_of_an_existing_user_directory_is_taken(own_freqtrade):
    with pytest.raises(trade.StartError, match=r"no config\.json and no user_data/config\.json in"):
        trade.config_files([])
    (own_freqtrade / "user_data" / "config.json").write_text("{}")
    assert trade.config_files(["more.json"]) == ["user_data/config.json", "more.json"]
    (own_freqtrade / "config.json").write_text("{}")
    assert trade.config_files([]) == ["config.json"]


def test_a_user_directory_that_is_missing_or_of_another_is_one_line(own_freqtrade, monkeypatch):
    (own_freqtrade / "config.json").write_text("{}")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(trade.StartError, match=r"user_data cannot be written to: the bot keeps its database"):
        trade.config_files([])
    (own_freqtrade / "user_data").rmdir()
    with pytest.raises(trade.StartError, match=r"user_data does not exist"):
        trade.config_files([])


def test_what_waits_for_the_bot_to_end_does_not_hold_all_of_freqtrade():
    """It held 290 MB as long as the bot ran, and took a second more to start it."""
    look = "import sys, freqtrade_ext.run.trade; sys.exit('freqtrade.persistence' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], cwd=ROOT, check=True)


COMMAND = [sys.executable, "-m", "freqtrade_ext", "trade", "--market", "embedded"]


@contextmanager
def running_trade(folder, command):
    """Run it in a folder of its own; give its process and those that it started, once the bot trades."""
    config = json.loads((ROOT / "config.json").read_text())
    config["strategy_path"] = str(ROOT / "strategies")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "user_data").mkdir()
    log = folder / "log"
    with log.open("w") as out:
        start = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=out, start_new_session=True, env=ENVIRONMENT
        )
    try:
        wait_until(
            lambda: "Changing state to: RUNNING" in log.read_text() or start.poll() is not None,
            "the bot",
            100,
        )
        assert start.poll() is None, log.read_text()
        yield start, psutil.Process(start.pid).children(recursive=True)
    finally:
        start.terminate()
        start.wait(45)


@pytest.fixture
def make_trade(tmp_path):
    """What `make trade MARKET=embedded` runs."""
    with running_trade(tmp_path, COMMAND) as running:
        yield running


def test_ctrl_c_after_talking_to_loopback_alone(make_trade, tmp_path):
    start, processes = make_trade
    sockets = [connection for process in processes for connection in process.net_connections("inet")]
    assert {connection.laddr.ip for connection in sockets} == {"127.0.0.1"}
    assert {connection.raddr.ip for connection in sockets if connection.raddr} == {"127.0.0.1"}
    # as a terminal does, which tells its whole foreground group
    os.killpg(start.pid, signal.SIGINT)
    check_ended(start, processes, 130)
    private = tmp_path / "user_data" / "private.json"
    assert private.stat().st_mode & 0o777 == 0o600
    log = (tmp_path / "log").read_text()
    said = [line.removeprefix("freqtrade_ext: ").partition(":")[0] for line in log.splitlines()]
    assert said[0] == "market"
    assert said[1:3] == ["FreqUI", "report, now or later"] or "is in use" in said[1]
    # the screen is for people, the file has freqtrade's whole log
    assert said[-1] == "report"
    assert " - INFO - " not in log
    database = log.rpartition("sqlite:///user_data/")[2].strip()
    whole = (tmp_path / "user_data" / "logs" / database).with_suffix(".log").read_text()
    assert "freqtrade.worker - INFO - Changing state to: RUNNING" in whole
    assert (tmp_path / "user_data" / database).exists()
    secrets = json.loads(private.read_text())["api_server"]
    assert not [name for name in ("password", "jwt_secret_key", "ws_token") if secrets[name] in log]


def test_the_futures_overlay_trades_perpetuals_on_the_embedded_exchange(tmp_path):
    """It was a whitelist with 0 pairs, for ever."""
    overlay = ROOT / "user_data" / "binance_futures.json"
    with running_trade(tmp_path, [*COMMAND, "--config", str(overlay)]):
        wait_until(lambda: "BTC/USDT:USDT" in filled_pairs(tmp_path), "a fill", 60)


def filled_pairs(folder):
    """Return the pairs of filled orders in the database of this run."""
    (path,) = (folder / "user_data").glob("embedded-*.sqlite")
    with closing(sqlite3.connect(path)) as database:
        return {pair for (pair,) in database.execute("select ft_pair from orders where filled > 0")}


def test_sigterm_ends_bot_and_market(make_trade):
    start, processes = make_trade
    start.terminate()
    check_ended(start, processes, 143)


def test_a_closed_terminal_ends_bot_and_market(make_trade):
    start, processes = make_trade
    os.killpg(start.pid, signal.SIGHUP)
    check_ended(start, processes, 129)


def test_make_that_is_told_to_stop_leaves_nothing_running(tmp_path):
    """It stops the shell of its recipe only; the recipe is the one of the project's Makefile."""
    (tmp_path / "Makefile").write_text(f"trade:\n\t@{' '.join(COMMAND)} || test $$? -eq 130\n")
    with running_trade(tmp_path, ["make", "trade"]) as (make, processes):
        make.terminate()
        make.wait(45)
        assert len(processes) == 4
        psutil.wait_procs(processes, 45)
        assert not [process for process in processes if process.is_running()]


def test_bot_and_market_end_with_a_starter_that_is_killed(make_trade):
    start, processes = make_trade
    start.kill()
    assert len(processes) == 2
    psutil.wait_procs(processes, 45)
    assert not [process for process in processes if process.is_running()]


def check_ended(start, processes, code):
    assert len(processes) == 2
    assert start.wait(45) == code
    assert [process for process in processes if process.is_running()] == []
