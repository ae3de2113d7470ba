"""The stock bot, with a stock strategy, on the embedded exchange started as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = """
from freqtrade.strategy import IStrategy


class Tiny(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 10}
    stoploss = -0.05
    startup_candle_count = 30

    def populate_indicators(self, dataframe, metadata):
        dataframe["top"] = dataframe["high"].rolling(18).max().shift(1)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["close"] > dataframe["top"], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""
CONFIG = {
    "max_open_trades": 3,
    "stake_currency": "USDT",
    "stake_amount": 100,
    "dry_run_wallet": 500,
    "initial_state": "running",
    "entry_pricing": {"price_side": "other", "use_order_book": True},
    "exit_pricing": {"price_side": "other", "use_order_book": True},
    "exchange": {"name": "binance", "pair_whitelist": ["BTC/USDT", "ETH/USDT"]},
    "pairlists": [{"method": "StaticPairList"}],
    "internals": {"process_throttle_secs": 1},
    "strategy": "Tiny",
}
ORDERS = {"entry": "market", "exit": "market", "stoploss": "limit", "stoploss_on_exchange": False}


def wait_for(text: str, path: Path, seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        content = path.read_text() if path.exists() else ""
        if text in content:
            return content
        time.sleep(0.2)
    pytest.fail(f"no {text!r} within {seconds} s in:\n{content[-3000:]}")


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry-run", "live"])
def test_the_stock_bot_trades_without_a_complaint(tmp_path: Path, dry_run: bool) -> None:
    strategies = tmp_path / "strategies"
    strategies.mkdir()
    (strategies / "tiny.py").write_text(STRATEGY)
    orders = ORDERS | {"stoploss_on_exchange": not dry_run}
    config = CONFIG | {
        "dry_run": dry_run,
        "order_types": orders,
        "db_url": f"sqlite:///{tmp_path}/trades.sqlite",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    market_log, bot_log, overlay = (tmp_path / name for name in ("market.log", "bot.log", "overlay.json"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    market_command = [sys.executable, "-m", "freqtrade_ext.replica", "--port", "0", "--scenario", "rise"]
    market_command += ["--pairs", "BTC/USDT,ETH/USDT", "--overlay", str(overlay)]
    bot_command = [sys.executable, "-m", "freqtrade", "trade", "--userdir", str(tmp_path)]
    bot_command += ["-c", str(tmp_path / "config.json"), "-c", str(overlay)]
    with market_log.open("w") as market_out, bot_log.open("w") as bot_out:
        market = subprocess.Popen(market_command, stdout=market_out, stderr=market_out, env=environment)
        bot = None
        try:
            listening = wait_for("listening on", market_log, 30)
            assert "embedded exchange, NOT the real market" in listening
            bot = subprocess.Popen(bot_command, stdout=bot_out, stderr=bot_out, env=environment, cwd=tmp_path)
            wait_for("has been fulfilled for Trade(id=2", bot_log, 60)
            url = json.loads(overlay.read_text())["exchange"]["ccxt_config"]["urls"]["api"]["public"]
            with urlopen(url.replace("/api/v3", "/control/requests"), timeout=5) as answer:
                assert ("POST /api/v3/order" in json.load(answer)["counts"]) is not dry_run
            time.sleep(5)
        finally:
            for process in filter(None, (bot, market)):
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)
    said = bot_log.read_text()
    assert "embedded exchange, NOT the real market" in said
    assert not [line for line in said.splitlines() if " - WARNING - " in line or " - ERROR - " in line]
    assert "Traceback" not in said + market_log.read_text()
