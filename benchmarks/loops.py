"""
What a loop costs with three open trades, beside stock freqtrade: `python -m benchmarks.loops --pairs 3,20`.

Three bots run at the same time on the same market of the embedded exchange, with the same signals: this
project's, stock freqtrade with its defaults (a loop in five seconds), and stock freqtrade at our one second.
Candles are of one minute, so that a minute holds the work on new candles once. All times are CPU time.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.measured_bot import MeasuredBot
from tests.bot_process import Market, running_bot, running_market

TRADED = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
WARM_UP_SECONDS = 15
START_SECONDS = 180
STOCK = {"strategy": "StockBusy", "stake_amount": 900}
BOTS: dict[str, dict[str, Any]] = {
    "ours": {"strategy": "OursBusy"},
    "stock, 5 s": STOCK | {"internals": {}},
    "stock, 1 s": STOCK | {"internals": {"process_throttle_secs": 1}},
}
DEPTH = "/api/v3/depth"


def measure(count: int, seconds: float) -> dict[str, dict[str, Any]]:
    pairs = [*TRADED, *(f"C{number:02}/USDT" for number in range(len(TRADED), count))]
    exchange = {"name": "binance", "pair_whitelist": pairs, "pair_blacklist": []}
    changes = {"exchange": exchange, "dry_run_wallet": 3000, "timeframe": "1m"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        market = stack.enter_context(running_market(folder, "--pairs", *pairs, "--scenario", "calm"))
        bots = {}
        for number, (name, own) in enumerate(BOTS.items()):
            bots[name] = start(stack, folder / f"bot{number}", market, {**changes, **own})
        time.sleep(WARM_UP_SECONDS)
        first = {name: len(bot.samples()) - 1 for name, bot in bots.items()}
        time.sleep(seconds)
        found = {name: summary(bot.samples()[first[name] :]) for name, bot in bots.items()}
        for name, bot in bots.items():
            assert len(bot.open_trades()) == len(TRADED), f"{name} has lost a trade"
            bot.stop(signal.SIGINT)
            found[name]["callbacks_us"] = bot.callback_times()
    return found


def start(stack: ExitStack, folder: Path, market: Market, changes: dict[str, Any]) -> MeasuredBot:
    strategy = changes.pop("strategy")
    bot = MeasuredBot(folder, market, strategy, sample_seconds=1, **changes)
    stack.enter_context(running_bot(bot))
    bot.wait(lambda: len(bot.open_trades()) == len(TRADED), "three trades", START_SECONDS)
    return bot


def summary(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Differences between the first and the last sample."""
    begin, end = samples[0], samples[-1]
    minutes = (end["time"] - begin["time"]) / 60
    loops = [loop for sample in samples[1:] for loop in sample["loops"]]
    quiet = [loop for loop in loops if not loop[2]]
    busy = [loop for loop in loops if loop[2]]
    quiet_ms = statistics.median(cpu for cpu, *_ in quiet)
    depth = end["requests"].get(DEPTH, 0) - begin["requests"].get(DEPTH, 0)
    return {
        "loops": len(loops) / minutes,
        "loop_ms": quiet_ms,
        "queries": statistics.mean(queries for _, queries, _ in quiet),
        "candle_ms": sum(cpu - quiet_ms for cpu, *_ in busy) / max(1, sum(count for *_, count in busy)),
        "loops_cpu_s": sum(cpu for cpu, *_ in loops) / 1e3 / minutes,
        "cpu_s": (sum(end["cpu"].values()) - sum(begin["cpu"].values())) / minutes,
        "depth": depth / minutes,
        "requests": (sum(end["requests"].values()) - sum(begin["requests"].values())) / minutes,
        "messages": (end["messages"] - begin["messages"]) / minutes / 60,
        "memory_mb": end["held"]["memory_mb"],
        "threads": {
            name: (spent - begin["cpu"].get(name, 0)) / minutes for name, spent in end["cpu"].items()
        },
    }


COLUMNS = {
    "loops": "loops/min",
    "loop_ms": "ms/quiet loop",
    "queries": "queries/loop",
    "candle_ms": "ms/pair's candle",
    "loops_cpu_s": "CPU s/min, loops",
    "cpu_s": "CPU s/min, all",
    "depth": "depth req/min",
    "requests": "all req/min",
    "messages": "WebSocket msg/s",
    "memory_mb": "memory MB",
}


def show(count: int, found: dict[str, dict[str, Any]]) -> None:
    print(f"{count} pairs     " + "  ".join(COLUMNS.values()))
    for name, row in found.items():
        cells = "  ".join(f"{row[key]:{len(title)}.1f}" for key, title in COLUMNS.items())
        print(f"{name:12} {cells}")
        callbacks = ", ".join(f"{key} {1e6 / us:,.0f}" for key, us in row["callbacks_us"].items())
        threads = ", ".join(f"{key} {spent:.2f}" for key, spent in row["threads"].items() if spent > 0.005)
        print(
            f"{'':12} callbacks per second: {callbacks}\n{'':12} CPU s/min by thread: {threads}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__)
    parser.add_argument("--pairs", default="3,20,80", help="how many, comma separated")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = {}
    for count in map(int, args.pairs.split(",")):
        results[count] = measure(count, args.seconds)
        show(count, results[count])
    if args.json is not None:
        args.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
