"""FreqUI looks at a trading bot from several threads at once; the bot trades on as if nobody did."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import create_engine, text

from freqtrade_ext.strategy.chart import LINES
from tests.bot_process import running_bot, running_market
from tests.report.postgres import new_database, postgres_or_skip
from tests.served_bot import ServedBot

pytestmark = pytest.mark.timeout(240)

REFRESHES = 500
READERS = 4
POOL = 5
"""connections that SQLAlchemy keeps open when nobody uses them (`pool_size`)"""
CHART = {"pair": "BTC/USDT", "timeframe": "5m", "limit": 300}
BESIDE = ["status", "trades", "trades/open/custom-data", "trades/1/custom-data", "profit", "plot_config"]
SLOWEST = 10
"""seconds from loop to loop; a reader that took the loop's connection would hold it up for SQLAlchemy's 30"""


@pytest.fixture
def market(tmp_path):
    with running_market(tmp_path, "--pairs", "BTC/USDT", "--scenario", "calm", "--seed", "1") as market:
        market.freeze("BTCUSDT", [(104_860.0, 5.0)], [(104_870.0, 5.0)])
        yield market


def refresh(bot, number):
    """Ask for the chart, and every other time for one of the things that the page shows beside it."""
    chart = bot.get("pair_candles", **CHART)
    if number % 2:
        bot.get(BESIDE[number // 2 % len(BESIDE)])
    return sum(annotation["type"] == "area" for annotation in chart["annotations"])


def watched(bot, market):
    """Let readers at a bot with an open trade; return what one of them saw, and the beats of the loop."""
    with running_bot(bot):
        plan = bot.wait(lambda: bot.plans().get("BTC/USDT"), "the plan")
        # what draws it comes after it
        bot.wait_for_loops(1)
        started = len(beats(bot))
        chart = bot.get("pair_candles", **CHART)
        newest = dict(zip(chart["columns"], chart["data"][-1], strict=True))
        # the candles carry what the chart is to grow to, by the columns that FreqUI is told to draw
        for column, rate in zip(LINES, (plan["stop_rate"], plan["target_rates"][-1]), strict=True):
            assert newest[column] == pytest.approx(rate)
            assert column in bot.get("plot_config")["main_plot"]
        bot.wait_for_loops(5)
        quiet = gaps(beats(bot)[started:])
        before = connections(bot)
        started = len(beats(bot))
        with ThreadPoolExecutor(READERS) as readers:
            levels = Counter(readers.map(lambda number: refresh(bot, number), range(REFRESHES)))
        # stop, entry and three targets, and the areas of risk and reward, in every single answer
        assert levels == {7: REFRESHES}
        during = gaps(beats(bot)[started:])
        bot.wait_for_loops(2)
        after = connections(bot)
        # the loop has what it needs to trade on
        rate = round(plan["target_rates"][0] + 1, 2)
        market.freeze("BTCUSDT", [(rate, 5.0)], [(rate + 30, 5.0)])
        bot.wait(lambda: len(bot.orders()) == 2, "the first target")
        bot.wait(
            lambda: any("sold" in a["label"] for a in bot.get("pair_candles", **CHART)["annotations"]),
            "its mark",
            5,
        )
        assert not re.search(r" - (ERROR|WARNING) - (?!.*Dry run)", bot.log), bot.log[-3000:]
    assert "QueuePool" not in bot.log
    # 1 s of each is the wait in between (`process_throttle_secs`)
    assert median(during) < 2 * median(quiet)
    assert max(during) < SLOWEST
    return before, after


def beats(bot):
    found = re.findall(r"^(\S+ \S+) - freqtrade.worker - INFO - Bot heartbeat", bot.log, re.MULTILINE)
    return [datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f") for time in found]


def gaps(times):
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]


def connections(bot):
    """Count the connections to the bot's database: the bot's open files, or what the server tells."""
    if bot.db_url.startswith("sqlite"):
        files = Path(f"/proc/{bot.process.pid}/fd").iterdir()
        return sum(file.exists() and file.resolve().name == "bot.sqlite" for file in files)
    engine = create_engine(bot.db_url)
    with engine.connect() as connection:
        sessions = "from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()"
        count = connection.scalar(text(f"select count(*) {sessions}"))
        waiting = f"{sessions} and state = 'idle in transaction' and now() - state_change > '2 seconds'"
        forgotten = connection.scalar(text(f"select count(*) {waiting}"))
    engine.dispose()
    assert forgotten == 0
    return count


def test_500_refreshes_on_sqlite(market, tmp_path):
    before, after = watched(ServedBot(tmp_path / "bot", market), market)
    # SQLite keeps a closed connection's file for the next one, so this is the most that were ever open at
    # once: two sessions (freqtrade's, and its custom data's) of the loop and of each reader
    assert 1 <= before <= after <= 2 * (1 + READERS)


def test_500_refreshes_on_postgresql(market, tmp_path):
    with postgres_or_skip() as server:
        db_url = new_database(server, "watched")
        before, after = watched(ServedBot(tmp_path / "bot", market, db_url=db_url), market)
    assert 1 <= before <= POOL
    assert after <= POOL
