"""`python -m tests.soak`: virtual days of a bot with all that can go wrong, by seed; then its books."""

import argparse
import json
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException
from freqtrade.rpc import RPC, RPCException

from tests.soak.audit import Books, audit, complaints
from tests.soak.virtual_bot import Script, VirtualBot

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
PATHS = ("depth", "klines", "trades", "exchangeInfo", "avgPrice", "")
CLIENT_TIMEOUT_MS = 2000
LOCKED_SECONDS = 1.0
SAID_AT_MOST = 5
"""warnings and errors per trouble: freqtrade tries several times, and books stay empty for minutes"""
STOCK_ERRORS = ("Could not load markets", "Error during async candle", "Unable to create trade")
_real_sleep = time.sleep

CROSSED = {"lastUpdateId": 1, "bids": [["200000", "1"]], "asks": [["100", "1"]]}
ONE_SIDED = {"lastUpdateId": 1, "bids": [], "asks": [["104000", "1"]]}
HOSTILE = {"lastUpdateId": 1, "bids": [["-1", "NaN"], ["1e308", "-5"]], "asks": [["0", "0"]]}
ANSWERS: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "retry_after": 1},
    "418": {"status": 418},
    "500": {"status": 500},
    "503": {"status": 503},
    "slow": {"delay": 0.2},
    "timeout": {"delay": CLIENT_TIMEOUT_MS / 1000 + 0.5},
    "cut": {"cut": True},
    "truncated": {"truncated": True},
    "garbage": {"body": "<html>502 Bad Gateway</html>"},
    "nothing": {"body": ""},
    "object": {"body": "{}"},
    "list": {"body": "[]"},
}
BOOKS = {"crossed": CROSSED, "one-sided": ONE_SIDED, "hostile": HOSTILE}


class Trouble:
    """Makes trouble between two loops of the bot, and keeps count of it."""

    def __init__(self, bot: VirtualBot, virtual: Script, until_ms: int, every_minutes: float) -> None:
        self._bot, self._virtual = bot, virtual
        self._rng = random.Random(f"trouble {bot.seed}")
        self.made: Counter[str] = Counter()
        kinds = list(self._kinds())
        ms = float(bot.start_ms + 5 * MINUTE_MS)
        events = []
        while ms < until_ms - 30 * MINUTE_MS:
            # each kind in turn, in an order of its own each time: none is missed
            for kind in self._rng.sample(kinds, len(kinds)):
                ms += self._rng.expovariate(1 / (every_minutes * MINUTE_MS))
                if ms < until_ms - 30 * MINUTE_MS:
                    events.append((int(ms), kind))
        for ms, kind in events:
            virtual.at(ms, lambda kind=kind: self._make(kind))

    def _kinds(self) -> dict[str, Callable[[], None]]:
        request = {name: (lambda fault=fault: self._answer(**fault)) for name, fault in ANSWERS.items()}
        books = {
            name: (lambda book=book: self._answer(path="depth", body=json.dumps(book)))
            for name, book in BOOKS.items()
        }
        return {
            **request,
            **books,
            "thin book": lambda: self._freeze(thin=True),
            "stale book": lambda: self._freeze(thin=False),
            "empty book": self._empty,
            "halt": lambda: self._status("HALT", 10),
            "delisting": lambda: self._status("BREAK", 120),
            "rules": self._rules,
            "gap": lambda: self._move(self._rng.choice((-0.04, -0.08, 0.05, 0.1)), 0),
            "flash crash": self._crash,
            "reload": self._reload,
            "force exit": self._force_exit,
            "locked": self._lock,
        }

    def _make(self, kind: str) -> None:
        self.made[kind] += 1
        self._kinds()[kind]()

    def _post(self, endpoint: str, /, **body: Any) -> None:
        with urlopen(
            Request(f"{self._bot.replica.url}/control/{endpoint}", json.dumps(body).encode()), timeout=60
        ):
            pass

    def _later(self, minutes: float, action: Callable[[], None]) -> None:
        self._virtual.at(self._virtual.clock.ms + int(minutes * MINUTE_MS), action)

    def _symbol(self) -> str:
        return self._rng.choice(PAIRS).replace("/", "")

    def _answer(self, path: str | None = None, **fault: Any) -> None:
        path = self._rng.choice(PATHS) if path is None else path
        self._post("fault", path=f"/api/v3/{path}", count=self._rng.randint(1, 3), **fault)

    def _freeze(self, *, thin: bool) -> None:
        symbol = self._symbol()
        market = self._bot.replica.exchange.running[symbol].market
        sides = [
            [[rate / 1e8, amount / 1e8] for rate, amount in side.levels(50)]
            for side in (market.bids, market.asks)
        ]
        if thin:
            sides = [[[rate, market.symbol.step / 1e8] for rate, _ in side[:3]] for side in sides]
        self._post("book", symbol=symbol, bids=sides[0], asks=sides[1])
        self._later(self._rng.uniform(1, 20), lambda: self._post("release", symbol=symbol))

    def _empty(self) -> None:
        symbol = self._symbol()
        self._post("book", symbol=symbol, bids=[], asks=[])
        self._later(self._rng.uniform(1, 20), lambda: self._post("release", symbol=symbol))

    def _status(self, status: str, minutes: float) -> None:
        symbol = self._symbol()
        self._post("symbol", symbol=symbol, status=status)
        self._later(minutes, lambda: self._post("symbol", symbol=symbol, status="TRADING"))

    def _rules(self) -> None:
        symbol = self._symbol()
        rules = self._bot.replica.exchange.running[symbol].market.symbol
        was = {"tick": rules.tick / 1e8, "step": rules.step / 1e8, "min_notional": rules.min_notional / 1e8}
        name = self._rng.choice(list(was))
        self._post("symbol", symbol=symbol, **{name: was[name] * (2 if name == "min_notional" else 10)})
        self._later(
            self._rng.uniform(30, 180), lambda: self._post("symbol", symbol=symbol, **{name: was[name]})
        )

    def _move(self, change: float, seconds: float) -> None:
        symbol = self._symbol()
        market = self._bot.replica.exchange.running[symbol].market
        if market.frozen:
            return
        self._post("move", symbol=symbol, to=market.last / 1e8 * (1 + change), seconds=seconds)
        self._later(2, lambda: self._post("release", symbol=symbol))

    def _crash(self) -> None:
        symbol = self._symbol()
        market = self._bot.replica.exchange.running[symbol].market
        if market.frozen:
            return
        rate = market.last / 1e8
        self._post("move", symbol=symbol, to=rate * 0.5, seconds=5)
        self._later(1, lambda: self._post("move", symbol=symbol, to=rate * 0.95, seconds=60))
        self._later(4, lambda: self._post("release", symbol=symbol))

    def _reload(self) -> None:
        # an exchange that does not answer then ends stock freqtrade (2026.9 worker.py `_reconfigure`)
        self._post("fault", clear=True)
        self._bot.worker.freqtrade.state = State.RELOAD_CONFIG

    def _force_exit(self) -> None:
        # freqtrade's API answers with the error: the book may be empty, or what is left too small to sell
        with suppress(FreqtradeException, RPCException):
            RPC(self._bot.worker.freqtrade)._rpc_force_exit("all")

    def _lock(self) -> None:
        """Another program writes to the database for a second; SQLite lets the bot wait."""
        locked = threading.Event()

        def hold() -> None:
            other = sqlite3.connect(self._bot.database)
            other.execute("begin immediate")
            locked.set()
            _real_sleep(LOCKED_SECONDS)
            other.rollback()
            other.close()

        threading.Thread(target=hold, daemon=True).start()
        locked.wait(10)


def soak(
    folder: Path, strategy: str, hours: float, seed: int, every_minutes: float, **changes: Any
) -> dict[str, Any]:
    """Run it, and return what was tried and what came of it; `problems` should be empty."""
    folder.mkdir(parents=True)
    bot = VirtualBot(folder, strategy, PAIRS, seed, activity=0.05)
    until_ms = bot.start_ms + int(hours * HOUR_MS)
    troubles: list[Trouble] = []
    started = time.monotonic()
    virtual = bot.run(
        until_ms,
        lambda bot, virtual: troubles.append(Trouble(bot, virtual, until_ms, every_minutes)),
        exchange={"ccxt_config": {"timeout": CLIENT_TIMEOUT_MS}},
        **changes,
    )
    end = datetime.fromtimestamp(bot.clock.ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    books = Books(bot.database)
    said = complaints(bot.log)
    made = troubles[0].made
    problems = audit(bot.database, end)
    problems += [f"{count} times {text}" for text, count in said.items() if is_bug(text)]
    if said.total() > SAID_AT_MOST * made.total():
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
        "complaints": dict(said.most_common()),
        "problems": problems,
    }


def is_bug(complaint: str) -> bool:
    """Tell an error of ours from what stock freqtrade logs, with its traceback, of an exchange that fails."""
    return complaint.startswith(("ERROR", "CRITICAL")) and not any(text in complaint for text in STOCK_ERRORS)


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
