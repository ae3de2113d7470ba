"""`python -m tests.soak.feed`: real minutes of a bot whose live feed goes wrong; then its books."""

import argparse
import json
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from tests.bot_process import ROOT, Bot, Market, running_bot, running_market
from tests.soak.audit import Books, audit, complaints, is_bug
from tests.soak.troubles import direct

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
EVERY_SECONDS = 2.0
SAID_AT_MOST = 5
CALM_SECONDS = 60
"""the feed tries again after at most thirty"""
LOOPS = 5
KINDS: dict[str, dict[str, Any]] = {
    "disconnect": {"disconnect": True},
    "gap in depth": {"stream": "@depth", "kind": "gap", "count": 3},
    "gap in tops": {"stream": "@bookTicker", "kind": "gap", "count": 20},
    "gap in trades": {"stream": "@aggTrade", "kind": "gap", "count": 3},
    "duplicates": {"stream": "@depth", "kind": "duplicate", "count": 5},
    "disorder": {"stream": "@(depth|aggTrade)", "kind": "reorder", "count": 2},
    "silence of depth": {"stream": "@depth", "kind": "silence", "seconds": 4},
    "silence of tops": {"stream": "@bookTicker", "kind": "silence", "seconds": 6},
    "silence of trades": {"stream": "@aggTrade", "kind": "silence", "seconds": 6},
    "silence": {"stream": "", "kind": "silence", "seconds": 6},
    "no snapshot": {"path": "/api/v3/depth", "status": 503, "count": 3},
    "drop without snapshot": {"path": "/api/v3/depth", "status": 429, "count": 4, "disconnect": True},
}


def soak(folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Run it, and return what was tried and what came of it; `problems` should be empty."""
    folder.mkdir(parents=True)
    config = json.loads((ROOT / "config.json").read_text())
    changes = {
        "exchange": config["exchange"] | {"pair_whitelist": list(PAIRS)},
        "strategy_path": str(ROOT / "tests" / "strategies"),
    }
    arguments = ("--pairs", *PAIRS, "--seed", str(seed), "--activity", "0.3")
    with (
        running_market(folder, *arguments) as market,
        running_bot(Bot(folder / "bot", market, "AlwaysEnter", **changes)) as bot,
    ):
        bot.wait(lambda: len(bot.trades()) >= 3, "three trades", 90)
        start = figures(bot)
        made = trouble(market, minutes, random.Random(seed))
        direct(market.url, "fault", clear=True)
        is_served = serves_again(bot, market)
        end = figures(bot)
        code = bot.stop()
    database, said = folder / "bot" / "bot.sqlite", complaints(folder / "bot" / "bot.log")
    problems = audit(database, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
    problems += [f"{count} times {text}" for text, count in said.items() if is_bug(text)]
    if said.total() > SAID_AT_MOST * made.total():
        problems.append(f"{made.total()} troubles, {said.total()} warnings")
    if not is_served:
        problems.append(f"the feed does not serve again within {CALM_SECONDS} s")
    if code != 130:
        problems.append(f"the bot ended with {code}")
    books = Books(database)
    return {
        "minutes": minutes,
        "seed": seed,
        "trades": len(books.trades),
        "fills": sum(bool(order["filled"]) for order in books.orders),
        "exits": Counter(str(trade["exit_reason"]) for trade in books.trades),
        "troubles": made,
        "start": start,
        "end": end,
        "complaints": dict(said.most_common()),
        "problems": problems,
    }


def trouble(market: Market, minutes: float, rng: random.Random) -> Counter[str]:
    """Let things go wrong, each kind in turn, and rates jump in between so that stops and targets are met."""
    made: Counter[str] = Counter()
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        for kind in rng.sample(list(KINDS), len(KINDS)):
            made[kind] += 1
            direct(market.url, "fault", **KINDS[kind])
            time.sleep(rng.expovariate(1 / EVERY_SECONDS))
            symbol = rng.choice(PAIRS).replace("/", "")
            to = market.last_rate(symbol) * (1 + rng.gauss(0, 0.004))
            direct(market.url, "move", symbol=symbol, to=to, seconds=rng.choice((0, 2)))
    return made


def serves_again(bot: Bot, market: Market) -> bool:
    """
    Tell whether there are some loops before long that are served by the feed.

    Without it each trade takes two requests for a book a loop; with it a pair where nothing happens takes
    one each two seconds.
    """
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline:
        asked = depth_requests(market)
        bot.wait_for_loops(LOOPS)
        if depth_requests(market) - asked < LOOPS * len(PAIRS):
            return True
    return False


def depth_requests(market: Market) -> int:
    with urlopen(f"{market.url}/control/requests", timeout=10) as answer:
        return json.load(answer)["counts"].get("GET /api/v3/depth", 0)


def figures(bot: Bot) -> dict[str, float]:
    assert bot.process is not None
    process = psutil.Process(bot.process.pid)
    megabytes = round(process.memory_info().rss / 1e6, 1)
    return {"megabytes": megabytes, "threads": process.num_threads(), "files": process.num_fds()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.feed", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of real time; default: %(default)g")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="new folder for database, logs and result")
    known = parser.parse_args()
    result = soak(known.out, known.minutes, known.seed)
    (known.out / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))
    return bool(result["problems"])


if __name__ == "__main__":
    sys.exit(main())
