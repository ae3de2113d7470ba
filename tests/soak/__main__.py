"""`python -m tests.soak`: virtual days of a bot with all that can go wrong, by seed; then its books."""

import argparse
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression
from typing import Any

import psutil
from freqtrade.enums import State

from tests.soak.audit import Books, audit, complaints, is_bug, is_known
from tests.soak.troubles import CLIENT_TIMEOUT_MS, PAIRS, Trouble
from tests.soak.virtual_bot import Script, VirtualBot

HOUR_MS = 3_600_000
SAID_AT_MOST = 5
"""warnings and errors per trouble and restart: freqtrade tries several times, books stay empty for long"""

NO_MARKETS = "Could not load markets"
"""why stock freqtrade does not start"""


class Memory:
    """What the process holds, hour by hour: the bot, and the market with its tape beside it."""

    def __init__(self, virtual: Script) -> None:
        self._virtual, self._start_ms = virtual, virtual.clock.ms
        self.megabytes: list[float] = []

    def __call__(self) -> None:
        if self._virtual.clock.ms - self._start_ms >= len(self.megabytes) * HOUR_MS:
            self.megabytes.append(psutil.Process().memory_info().rss / 1e6)

    def figures(self) -> dict[str, float]:
        """Start and end, and the slope of the second half, when caches are full."""
        late = self.megabytes[len(self.megabytes) // 2 :]
        slope = linear_regression(range(len(late)), late).slope if len(late) > 1 else 0.0
        figures = {"start": self.megabytes[0], "end": self.megabytes[-1], "per_hour": slope}
        return {name: round(value, 2) for name, value in figures.items()}


def soak(
    folder: Path, strategy: str, hours: float, seed: int, every_minutes: float, **changes: Any
) -> dict[str, Any]:
    """Run it, and return what was tried and what came of it; `problems` should be empty."""
    folder.mkdir(parents=True)
    bot = VirtualBot(folder, strategy, PAIRS, seed, activity=0.02)
    until_ms = bot.start_ms + int(hours * HOUR_MS)
    troubles: list[Trouble] = []
    memories: list[Memory] = []
    started = time.monotonic()

    def direct(bot: VirtualBot, virtual: Script) -> None:
        troubles.append(Trouble(bot, virtual, until_ms, every_minutes))
        memories.append(Memory(virtual))
        virtual.on_loop = memories[0]

    virtual = bot.run(
        until_ms,
        direct,
        exchange={"ccxt_config": {"timeout": CLIENT_TIMEOUT_MS}},
        force_entry_enable=True,
        **changes,
    )
    end = datetime.fromtimestamp(bot.clock.ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    books = Books(bot.database)
    said = complaints(bot.log)
    if any(NO_MARKETS in text for text in bot.ends):
        # of an exchange object that stock freqtrade gave up, without closing it
        said.pop("ERROR asyncio: Unclosed connector", None)
    for text in [text for text in said if "BadSymbol" in text]:
        # a pair that the exchange has taken off its list is asked for in each loop, by stock freqtrade too
        said.pop(text)
    made = troubles[0].made
    problems = audit(bot.database, end)
    problems += [f"the bot ended: {text}" for text in bot.ends if not is_known(text)]
    problems += [f"{count} times {text}" for text, count in said.items() if is_bug(text)]
    if said.total() > SAID_AT_MOST * (made.total() + len(bot.ends)):
        problems.append(f"{made.total()} troubles, {said.total()} warnings and errors")
    if bot.worker.freqtrade.state != State.RUNNING:
        problems.append(f"the bot is {bot.worker.freqtrade.state}")
    if bot.clock.ms < until_ms:
        problems.append(f"the bot ended at {end}")
    return {
        "strategy": strategy,
        "seed": seed,
        "virtual_hours": hours,
        "seconds": round(time.monotonic() - started),
        "loops": virtual.loops,
        "trades": len(books.trades),
        "open": sum(trade["is_open"] for trade in books.trades),
        "fills": sum(bool(order["filled"]) for order in books.orders),
        "exits": Counter(str(trade["exit_reason"]) for trade in books.trades),
        "usdt": float(books.account["moved"].get("USDT", 0)),
        "troubles": made,
        "restarts": Counter(bot.ends),
        "megabytes": memories[0].figures(),
        "complaints": dict(said.most_common()),
        "problems": problems,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--strategy", default="AlwaysEnter")
    parser.add_argument("--hours", type=float, default=24.0, help="of virtual time; default: %(default)g")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every-minutes", type=float, default=10.0, help="mean time between two troubles")
    parser.add_argument("--timeframe", default="15m")
    parser.add_argument("--out", type=Path, required=True, help="new folder for database, log and result")
    known = parser.parse_args()
    result = soak(
        known.out, known.strategy, known.hours, known.seed, known.every_minutes, timeframe=known.timeframe
    )
    (known.out / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))
    return bool(result["problems"])


if __name__ == "__main__":
    sys.exit(main())
