"""`freqtrade-ext trade --live --twin --record`: what runs beside a bot that trades for real."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest

from freqtrade_ext.replica.private import API_KEY, API_SECRET
from freqtrade_ext.run import live
from freqtrade_ext.run.beside import StartError
from tests.bot_process import ENVIRONMENT, ROOT, running_market, wait_until

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("config", [{}, {"dry_run": True}])
def test_real_money_needs_the_configuration_to_say_so(config):
    with pytest.raises(StartError, match="does not say dry_run: false; name one that does"):
        live.check_mode(config, is_live=True, has_twin=False)


def test_the_environment_may_say_so(monkeypatch):
    monkeypatch.setenv("FREQTRADE__DRY_RUN", "false")
    live.check_mode({}, is_live=True, has_twin=True)


def test_a_twin_needs_a_live_bot():
    with pytest.raises(StartError, match="needs --live"):
        live.check_mode({"dry_run": False}, is_live=False, has_twin=True)


def test_the_twin_has_the_live_bots_money_and_serves_nobody(tmp_path):
    config = {"available_capital": 110, "api_server": {"enabled": True}, "telegram": {"enabled": True}}
    command = live.twin_command(config, ["config.json", "user_data/live.json"], tmp_path)
    assert command[3:7] == ["trade", "--dry-run", "--db-url", live.TWIN_URL]
    overlay = json.loads((tmp_path / "twin.json").read_text())
    assert overlay["dry_run_wallet"] == 110
    assert overlay["api_server"] == overlay["telegram"] == {"enabled": False}


def test_a_recorder_needs_the_pairs():
    with pytest.raises(StartError, match="it lists no pairs"):
        live.record_command({"exchange": {"name": "binance"}}, ["config.json"])


def orders(path):
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        try:
            return database.execute("select order_id, filled from orders where filled > 0").fetchall()
        except sqlite3.OperationalError:
            return []


def test_one_command_starts_the_live_bot_its_twin_and_a_recorder(tmp_path):
    """The twin enters with the live bot's signal, on paper; both trades are in the report, matched."""
    (tmp_path / "user_data").mkdir()
    config = json.loads((ROOT / "config.json").read_text())
    config["exchange"]["pair_whitelist"] = ["BTC/USDT"]
    config |= {"strategy": "AlwaysEnter", "strategy_path": str(ROOT / "tests" / "strategies")}
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        keys = {"key": API_KEY, "secret": API_SECRET}
        market.overlay["exchange"] |= keys
        files = {"config.json": config, "overlay.json": market.overlay, "live.json": {"dry_run": False}}
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content))
        command = [sys.executable, "-m", "freqtrade_ext", "trade", "--live", "--twin", "--record"]
        command += ["--config", "overlay.json", "--config", "live.json"]
        with (tmp_path / "printed.log").open("w") as printed:
            starter = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=printed, stderr=printed)
        try:
            for name in ("tradesv3.sqlite", "user_data/twin.sqlite"):
                wait_until(lambda name=name: orders(tmp_path / name), f"an entry in {name}", 90)
            wait_until(lambda: list((tmp_path / "user_data" / "recordings").glob("*.gz")), "a recording", 30)
            children = psutil.Process(starter.pid).children(recursive=True)
            starter.send_signal(signal.SIGINT)
            starter.wait(60)
        finally:
            starter.kill()
            starter.wait()
    printed = (tmp_path / "printed.log").read_text()
    assert "orders are REAL" in printed
    assert "report --db-url sqlite:///tradesv3.sqlite --twin sqlite:///user_data/twin.sqlite" in printed
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]
    assert orders(tmp_path / "tradesv3.sqlite")[0][0].isdigit()
    assert orders(tmp_path / "user_data" / "twin.sqlite")[0][0].startswith("dry_run")
