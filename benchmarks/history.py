"""
What years of closed trades cost a bot: `python -m benchmarks.history`.

For 0, 1,000, 10,000 and 100,000 closed trades of four orders each: how long the bot takes to start, how long
one look at the account for an entry decision takes, and how much memory the bot holds, beside stock freqtrade
with the same database and strategy. Each bot is a process of its own, on the embedded exchange.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
from freqtrade.persistence import Trade, init_db
from sqlalchemy import create_engine

from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.paper.store import PaperState
from freqtrade_ext.replica import Replica
from tests.report.database import add_order, add_trade

COUNTS = (0, 1_000, 10_000, 100_000)
DECISIONS = 50
CHUNK = 5_000
PLAIN, MANAGED = "StockBusy", "OursBusy"


def fill(file: Path, count: int) -> None:
    """Write closed trades into a new database: one as freqtrade writes it, the others as its copies."""
    init_db(f"sqlite:///{file}")
    trade = add_trade("BTC/USDT", 0, stop_loss=98.0)
    orders = [add_order(trade, "buy", 1.0, 100.0, 0)]
    orders += [add_order(trade, "sell", amount, 102.0, 60, tag="tp1") for amount in (0.25, 0.3, 0.45)]
    trade.close(102.0)
    states = [_state(order.order_id, order.side, order.amount) for order in orders]
    Trade.commit()
    Trade.session.remove()
    with closing(sqlite3.connect(file)) as database:
        database.row_factory = sqlite3.Row
        one = dict(database.execute("select * from trades").fetchone())
        four = [dict(row) for row in database.execute("select * from orders order by id")]
        for table in ("orders", "trades"):
            database.execute(f"delete from {table}")
        for start in range(0, count, CHUNK):
            numbers = range(start + 1, min(start + CHUNK, count) + 1)
            _insert(database, "trades", ({**one, "id": n} for n in numbers))
            _insert(database, "orders", _orders(four, numbers))
            _insert(database, "paper_state", _states(states, numbers)) if count else None
        if count:
            account = {"moved": {"USDT": "1"}, "positions": {}, "leverage": {}}
            rows = {"account": account, "open": []}
            _insert(database, "paper_state", ({"key": k, "value": json.dumps(v)} for k, v in rows.items()))
        database.commit()


def _state(order_id: str, side: str, amount: float) -> dict[str, Any]:
    request = OrderRequest(
        id=order_id, pair="BTC/USDT", type="market", side=side, amount=amount, decision_rate=100.0
    )
    times = {"decision_ms": 0, "arrival_ms": 0, "entry_latency_ms": 100.0, "response_latency_ms": 100.0}
    order = PaperOrder(request=request, **times)
    order.add_fill(amount, amount * 100.0, 0, maker=False)
    return order.to_json()


def _orders(four: list[dict[str, Any]], numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        for place, order in enumerate(four):
            yield {**order, "id": 4 * n + place, "ft_trade_id": n, "order_id": f"dry_run_{n}_{place}"}


def _states(states: list[dict[str, Any]], numbers: range) -> Iterator[dict[str, Any]]:
    for n in numbers:
        for place, state in enumerate(states):
            yield {"key": f"order/dry_run_{n}_{place}", "value": json.dumps(state)}


def _insert(database: sqlite3.Connection, table: str, rows: Iterator[dict[str, Any]]) -> None:
    rows = list(rows)
    if rows:
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        database.executemany(f"insert into {table} ({', '.join(names)}) values ({marks})", rows)


def inside(config_file: str) -> None:
    """Start a bot in this process and print what it took: seconds, milliseconds, MB."""
    from freqtrade.configuration import Configuration
    from freqtrade.freqtradebot import FreqtradeBot

    config = Configuration({"config": [config_file]}, "dry_run").get_config()
    started = time.perf_counter()
    bot = FreqtradeBot(config)
    start = time.perf_counter() - started
    decisions = []
    manager = getattr(bot.strategy, "manager", None)
    for _ in range(DECISIONS if manager is not None else 0):
        began = time.perf_counter()
        manager.entries.account_state()
        decisions.append(1000 * (time.perf_counter() - began))
    memory = psutil.Process().memory_info().rss / 1e6
    middle = statistics.median(decisions) if decisions else None
    worst = max(decisions) if decisions else None
    print(json.dumps({"start_s": start, "decision_ms": middle, "first_ms": worst, "memory_mb": memory}))
    bot.cleanup()


def measure(replica: Replica, folder: Path, database: Path, strategy: str) -> dict[str, float]:
    root = Path(__file__).resolve().parents[1]
    config = json.loads((root / "config.json").read_text()) | {
        "strategy": strategy,
        "strategy_path": str(root / "benchmarks" / "strategies"),
        "db_url": f"sqlite:///{database}",
        "user_data_dir": str(folder),
        "freqtrade_ext": {"feed": False, "seed": 1},
    }
    overlay = replica.overlay()
    config["exchange"] |= overlay["exchange"] | {"enable_ws": False, "pair_whitelist": ["BTC/USDT"]}
    file = folder / "history.json"
    file.write_text(json.dumps(config))
    code = "import sys; from benchmarks.history import inside; inside(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], cwd=root, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(lines[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, metavar="TRADES")
    counts = parser.parse_args().counts
    print("closed trades  start s: stock, ours  memory MB: stock, ours  decision ms: usual, first")
    with tempfile.TemporaryDirectory() as name, Replica(1, ["BTC/USDT"], "calm") as replica:
        for count in counts:
            database = Path(name) / f"{count}.sqlite"
            PaperState.__table__.create(create_engine(f"sqlite:///{database}"))
            fill(database, count)
            stock, ours = (measure(replica, Path(name), database, s) for s in (PLAIN, MANAGED))
            print(
                f"{count:13,}  {stock['start_s']:9.2f} {ours['start_s']:8.2f}  "
                f"{stock['memory_mb']:13.0f} {ours['memory_mb']:8.0f}  "
                f"{ours['decision_ms']:14.2f} {ours['first_ms']:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
