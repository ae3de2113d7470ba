import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import psutil
import pytest

from freqtrade_ext.run import trade
from tests.bot_process import ENVIRONMENT, ROOT, wait_until
from tests.served_bot import free_port


class Clock(BaseHTTPRequestHandler):
    """Binance's /api/v3/time, or whatever `status` and `body` say."""

    status, body = 200, b'{"serverTime": 1700000000000}'

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def clock():
    handler = type("OneClock", (Clock,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield handler, binance_at(server.server_port)
        server.shutdown()
        thread.join()


def binance_at(port):
    return {
        "name": "binance",
        "ccxt_config": {"urls": {"api": {"public": f"http://127.0.0.1:{port}/api/v3"}}},
    }


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("wanted", ["auto", "binance"])
def test_exchange_that_answers(clock, wanted):
    _, exchange = clock
    assert trade.choose_market(wanted, exchange) == ("binance", "its public API answers")


def test_embedded_is_not_probed():
    market, why = trade.choose_market(
        "embedded", {"name": "binance", "ccxt_config": {"urls": "must not be read"}}
    )
    assert (market, why) == ("embedded", "asked for; not the real market")


def test_closed_port(closed_port):
    exchange = binance_at(closed_port)
    market, why = trade.choose_market("auto", exchange)
    assert (market, why) == ("embedded", "binance does not answer: NetworkError; not the real market")
    with pytest.raises(
        trade.StartError, match=r"binance does not answer \(NetworkError\); MARKET=embedded runs"
    ):
        trade.choose_market("binance", exchange)


@pytest.mark.timeout(20)
def test_silence_ends_in_time(silent_port, monkeypatch):
    monkeypatch.setattr(trade, "PROBE_TIMEOUT_MS", 300)
    assert trade.probe(binance_at(silent_port)) == "RequestTimeout"


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (451, b"restricted location", "ExchangeNotAvailable"),
        (418, b"{}", "DDoSProtection"),
        (503, b"", "ExchangeNotAvailable"),
        (200, b"<html>hotel login</html>", "no time in the answer"),
        (200, b"[]", "no time in the answer"),
    ],
)
def test_answers_that_are_no_exchange(clock, status, body, failure):
    handler, exchange = clock
    handler.status, handler.body = status, body
    assert trade.probe(exchange) == failure


def test_unknown_market_and_exchange():
    with pytest.raises(trade.StartError, match=r"MARKET must be auto, embedded or bybit .*, is binance"):
        trade.choose_market("binance", {"name": "bybit"})
    with pytest.raises(trade.StartError, match="stands in for binance, the configuration says bybit"):
        trade.choose_market("embedded", {"name": "bybit"})
    with pytest.raises(trade.StartError, match="ccxt knows no exchange named binanse"):
        trade.choose_market("auto", {"name": "binanse"})


def test_port_is_free(silent_port, closed_port):
    assert not trade.port_is_free("127.0.0.1", silent_port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    assert trade.port_is_free("127.0.0.1", port)


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


@pytest.fixture
def own_freqtrade(tmp_path, monkeypatch):
    """A folder as freqtrade's own `create-userdir` leaves it, where the configuration is put."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_data").mkdir()
    return tmp_path


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


def test_the_api_of_the_user_is_left_alone(own_freqtrade, silent_port):
    own = {"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": free_port()}
    assert trade.private_config({"api_server": own}) == []
    assert trade.private_config({"api_server": {"enabled": False}}) == []
    assert list((own_freqtrade / "user_data").iterdir()) == []
    with pytest.raises(trade.StartError, match=rf"port {silent_port} of api_server is in use"):
        trade.private_config({"api_server": own | {"listen_port": silent_port}})


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


@pytest.mark.timeout(20)
def test_a_bot_that_hangs_is_killed(monkeypatch, capsys):
    monkeypatch.setattr(trade, "STOP_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    bot = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert bot.stdout.readline() == b"deaf\n"
    bot.terminate()
    trade.end(bot)
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
    trade.end(bot)
    assert bot.returncode == -signal.SIGKILL
    assert "told again: the bot is killed" in capsys.readouterr().out


def check_ended(start, processes, code):
    assert len(processes) == 2
    assert start.wait(45) == code
    assert [process for process in processes if process.is_running()] == []
