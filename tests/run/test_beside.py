import json
import signal
import subprocess
import sys

import ccxt
import psutil
import pytest

from freqtrade_ext.run import beside


@pytest.mark.timeout(20)
def test_a_bot_that_hangs_is_killed(monkeypatch, capsys):
    monkeypatch.setattr(beside, "STOP_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    bot = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert bot.stdout.readline() == b"deaf\n"
    bot.terminate()
    beside.end(bot)
    assert bot.returncode == -signal.SIGKILL
    assert "has not ended within 0.5 s and is killed" in capsys.readouterr().out
    bot.stdout.close()


def test_ctrl_c_again_kills_a_bot_that_takes_its_time(monkeypatch, capsys):
    bot = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    waits = iter([KeyboardInterrupt])

    def wait(seconds=None):
        for error in waits:
            raise error
        return subprocess.Popen.wait(bot, seconds)

    monkeypatch.setattr(bot, "wait", wait)
    beside.end(bot)
    assert bot.returncode == -signal.SIGKILL
    assert "told again: the bot is killed" in capsys.readouterr().out


def test_what_runs_beside_ends_with_the_bot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(beside, "FAILS_SECONDS", 0.2)
    before = set(psutil.Process().children())
    with beside.running_beside("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"]):
        (sleeper,) = set(psutil.Process().children()) - before
    assert not sleeper.is_running()


def test_the_embedded_exchange_lists_the_pairs_configured(tmp_path):
    """It listed the five of the project: who trades others, or in USDC, found no market."""
    listed = ["DOGE/EUR", "BTC/USDC:USDC", ".*/EUR"]
    with beside.embedded_exchange(tmp_path, {"exchange": {"pair_whitelist": listed}}) as overlay:
        exchange = ccxt.binance(json.loads(overlay.read_text())["exchange"]["ccxt_config"])
        tickers = exchange.fetch_tickers()
    assert tickers.keys() == {"DOGE/EUR", "BTC/USDC"}
    # worth what they are in USDT
    assert tickers["BTC/USDC"]["last"] > 50_000


def test_a_bot_is_not_started_beside_what_ends_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failing = beside.running_beside("twin", [sys.executable, "-c", "raise SystemExit('no pairs')"])
    with (
        pytest.raises(beside.StartError, match="the twin ended at once with exit code 1: see user_data/logs"),
        failing,
    ):
        pytest.fail("it was started")
    assert "no pairs" in (tmp_path / "user_data" / "logs" / "twin.log").read_text()
