"""
Time from a rate crossing the stop or a target to the order at the exchange: `python -m benchmarks.reaction`.

The real bot and the embedded exchange run in processes of their own. The bid of an open trade's pair is put
beyond the stop, or the target, at a random time; what counts is when the bot decided, and when its order met
the book, which for this project is 50-200 ms later: its paper orders travel, stock paper orders do not.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from tests.bot_process import ROOT, Bot, Market, running_bot, running_market, wait_until

RATES = {"BTC/USDT": 104_000.0, "ETH/USDT": 3_300.0, "SOL/USDT": 160.0}
DEEP = 1e5
STRATEGIES = str(ROOT / "benchmarks" / "strategies")
STOCK_FEE = 0.001
IDLE_SECONDS = 20

Times = dict[str, list[float]]
"""what was crossed, to when -> ms"""


def quote(market: Market, pair: str, bid: float) -> int:
    """Freeze the book with this best bid; return the time in ms."""
    before_ms = time.time() * 1000
    bid = float(f"{bid:.6g}")
    market.freeze(pair.replace("/", ""), [(bid, DEEP)], [(float(f"{bid * 1.0002:.6g}"), DEEP)])
    return int(before_ms)


class Side:
    """One of the two bots: how its orders tell their times."""

    def __init__(self, bot: Bot, market: Market, name: str) -> None:
        self.bot, self.market, self.name = bot, market, name
        self.loop_seconds = 1 if name == "ours" else 5

    def open_trade(self, pair: str, after: int = 0) -> dict[str, Any] | None:
        query = "select * from trades where is_open and pair = ? and amount > 0 and id > ?"
        rows = self.bot.rows(query, pair, after)
        return rows[0] if rows and (self.name == "stock" or self.custom(rows[0]["id"], "plan")) else None

    def custom(self, trade: int, key: str) -> Any:
        rows = self.bot.rows(
            "select cd_value from trade_custom_data where ft_trade_id = ? and cd_key = ?", trade, key
        )
        return json.loads(rows[0]["cd_value"]) if rows else None

    def levels(self, trade: dict[str, Any]) -> tuple[float, float]:
        """Rates of the stop and the next target."""
        if self.name == "stock":
            # its target counts profit after both fees
            return trade["stop_loss"], trade["open_rate"] * (1.01 + 2.1 * STOCK_FEE)
        return trade["stop_loss"], self.custom(trade["id"], "plan")["target_rates"][0]

    def exits(self, trade: int, before: int) -> list[tuple[float, float]]:
        """Decision and arrival of the exit orders after so many, ms."""
        if self.name == "ours":
            fills = self.custom(trade, "fills") or []
            return [(fill["decision_ms"], fill["arrival_ms"]) for fill in fills if fill["side"] == "sell"][
                before:
            ]
        rows = self.bot.rows(
            "select order_date from orders where ft_trade_id = ? and side = 'sell' and filled > 0", trade
        )
        times = [datetime.fromisoformat(row["order_date"]).replace(tzinfo=UTC) for row in rows]
        return [(moment.timestamp() * 1000, moment.timestamp() * 1000) for moment in times][before:]

    def cross(self, pair: str, crossings: int, seed: int) -> Times:
        """Cross stops and targets of one pair's trades."""
        dice, times, last = random.Random(seed), defaultdict(list), 0
        while min(len(times["stop decided"]), len(times["target decided"])) < crossings:
            quote(self.market, pair, RATES[pair])
            trade = wait_until(partial(self.open_trade, pair, last), f"a trade of {pair}", 60)
            last = trade["id"]
            stop, target = self.levels(trade)
            bids = {"target": target * 1.0005, "stop": stop * 0.999}
            # a target closes part of our position and all of stock freqtrade's
            kinds = list(bids) if self.name == "ours" else [dice.choice(list(bids))]
            for before, kind in enumerate(kinds):
                time.sleep(1 + dice.uniform(0, self.loop_seconds))
                crossed_ms = quote(self.market, pair, bids[kind])
                new = partial(self.exits, last, before)
                decided, arrived = wait_until(new, f"the {kind} order", 60)[0]
                times[f"{kind} decided"].append(decided - crossed_ms)
                times[f"{kind} arrived"].append(arrived - crossed_ms)
        return times


def measure(name: str, crossings: int, at_once: int, folder: Path) -> dict[str, Any]:
    pairs = list(RATES)
    exchange = json.loads((ROOT / "config.json").read_text())["exchange"] | {"pair_whitelist": pairs}
    changes: dict[str, Any] = {"exchange": exchange, "strategy_path": STRATEGIES, "dry_run_wallet": 3000}
    if name == "stock":
        changes |= {"internals": {"heartbeat_interval": 1}, "stake_amount": 900}
    with running_market(folder, "--pairs", *pairs, "--scenario", "calm") as market:
        for pair in pairs:
            quote(market, pair, RATES[pair])
        with running_bot(Bot(folder / "bot", market, name.capitalize(), **changes)) as bot:
            side = Side(bot, market, name)
            for pair in pairs:
                bot.wait(partial(side.open_trade, pair), f"a trade of {pair}", 60)
            result: dict[str, Any] = {"idle": idle(bot, market), "before": resources(bot)}
            started, cpu = time.monotonic(), cpu_seconds(bot)
            with ThreadPoolExecutor(at_once) as threads:
                per_pair = [
                    threads.submit(side.cross, pair, -(-crossings // len(pairs)), i)
                    for i, pair in enumerate(pairs)
                ]
            result["minutes"] = (time.monotonic() - started) / 60
            result["busy_cpu"] = (cpu_seconds(bot) - cpu) / (time.monotonic() - started)
            result["after"] = resources(bot)
            times: Times = defaultdict(list)
            for future in per_pair:
                for what, found in future.result().items():
                    times[what] += found
    result["ms"] = {what: summary(found) for what, found in times.items()}
    return result


def cpu_seconds(bot: Bot) -> float:
    assert bot.process is not None
    used = psutil.Process(bot.process.pid).cpu_times()
    return float(used.user + used.system)


def requests(market: Market) -> dict[str, int]:
    with urlopen(f"{market.url}/control/requests", timeout=5) as answer:
        counts: dict[str, int] = json.load(answer)["counts"]
    return counts


def idle(bot: Bot, market: Market) -> dict[str, float]:
    """What three open trades cost while nothing happens."""
    time.sleep(5)
    before, cpu, beats = requests(market), cpu_seconds(bot), bot.log.count("Bot heartbeat")
    time.sleep(IDLE_SECONDS)
    after = requests(market)
    depth = "GET /api/v3/depth"
    return {
        "cpu": (cpu_seconds(bot) - cpu) / IDLE_SECONDS,
        "loops_per_second": (bot.log.count("Bot heartbeat") - beats) / IDLE_SECONDS,
        "depth_requests_per_second": (after.get(depth, 0) - before.get(depth, 0)) / IDLE_SECONDS,
    }


def resources(bot: Bot) -> dict[str, float]:
    assert bot.process is not None
    process = psutil.Process(bot.process.pid)
    memory = process.memory_info().rss / 1e6
    return {"memory_mb": memory, "threads": process.num_threads(), "files": process.num_fds()}


def summary(found: Sequence[float]) -> dict[str, float]:
    ordered = sorted(found)
    at = {f"p{p}": ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in (50, 95, 99)}
    return {"n": len(ordered), **at, "max": ordered[-1]}


def show(name: str, result: dict[str, Any]) -> None:
    for what, row in sorted(result["ms"].items()):
        cells = "  ".join(f"{key} {row[key]:>6.0f}" for key in ("p50", "p95", "p99", "max"))
        print(f"{name:6} {what:15} n {row['n']:3}  {cells} ms")
    idle_, before, after = result["idle"], result["before"], result["after"]
    print(
        f"{name:6} with three open trades: CPU {idle_['cpu']:.1%}, "
        f"{idle_['loops_per_second']:.1f} loops/s, {idle_['depth_requests_per_second']:.1f} depth requests/s"
    )
    print(
        f"{name:6} before and after {result['minutes']:.1f} minutes (CPU {result['busy_cpu']:.1%}): "
        + ", ".join(f"{what} {before[what]:.0f} -> {after[what]:.0f}" for what in before)
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reaction", description=__doc__)
    parser.add_argument("--crossings", type=int, default=30, help="of stops and of targets, each")
    parser.add_argument(
        "--at-once", type=int, default=1, help="pairs that are crossed independently (1 to 3)"
    )
    parser.add_argument("--bots", default="ours,stock")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = {}
    for name in args.bots.split(","):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(name, args.crossings, args.at_once, Path(folder))
        show(name, results[name])
    if args.json is not None:
        args.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
