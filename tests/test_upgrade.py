"""A database of commit 24e92ca goes on under this code: its open trades, plan, resting order and account."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.bot_process import ROOT, Bot, running_bot, running_market

PAIRS = ("BTC/USDT", "ETH/USDT")
RESTING = "dry_run_buy_BTC/USDT_2a0a7e3c-552e-4ac2-bd2e-c2a97e67c4a2"
"""a limit order for the first trade; the second trade has filled and has its plan"""


def test_a_database_of_before_goes_on(tmp_path):
    old = (ROOT / "tests" / "data" / "database_24e92ca.sql").read_text()
    with running_market(tmp_path, "--pairs", *PAIRS, "--scenario", "calm", "--seed", "3") as market:
        changes = {
            "exchange": {"name": "binance", "pair_whitelist": [*PAIRS], "pair_blacklist": []},
            "strategy_path": str(ROOT / "tests" / "strategies"),
            "unfilledtimeout": {"entry": 10**6, "exit": 10, "unit": "minutes"},
            "order_types": {"entry": "limit", "exit": "market", "stoploss": "market"}
            | {"stoploss_on_exchange": False},
        }
        bot = Bot(tmp_path / "bot", market, "AlwaysEnter", **changes)
        with closing(sqlite3.connect(bot.folder / "bot.sqlite")) as database:
            database.executescript(moved_to_now(old))
        with running_bot(bot):
            # freqtrade's log wraps its lines
            bot.wait(lambda: "plan restored" in " ".join(bot.log.split()), "the plan of the second trade", 30)
            bot.wait(lambda: state(bot, f"order/{RESTING}")["status"] == "closed", "the resting order's fill")
            bot.wait(lambda: state(bot, "open") == [], "the orders that are open")
        assert "Traceback" not in bot.log
        first, second = bot.trades()
        assert (first["amount"], second["stop_loss"]) == (0.00142, 2431.85)
        order = state(bot, f"order/{RESTING}")
        assert set(order["queue"]["places"]) == {"pessimistic", "expected", "optimistic"}
        # 0.0416 ETH at 2,520.91 before, and 0.00143 BTC at 104,855.76 now
        assert float(state(bot, "account")["moved"]["USDT"]) == pytest.approx(-254.8136, abs=1e-3)


def moved_to_now(dump):
    """Shift the times of a dump, which are of 2026-01-01, to the last minutes."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    shift = datetime.now(UTC) - timedelta(minutes=10) - start
    milliseconds = int(shift.total_seconds() * 1000)
    dump = re.sub(r"\b17672\d{8}\b", lambda ms: str(int(ms[0]) + milliseconds), dump)
    return re.sub(r"2026-01-01 [\d:.]+", lambda date: str(datetime.fromisoformat(date[0]) + shift), dump)


def state(bot, key):
    found = bot.rows(f"select value from paper_state where key = '{key}'")
    return json.loads(found[0]["value"]) if found else None
