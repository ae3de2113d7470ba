"""All that can go wrong for a bot: answers, books, markets, rules, clocks, its database."""

import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.request import Request, urlopen

from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException
from freqtrade.persistence import Trade
from freqtrade.rpc import RPC, RPCException

from tests.soak.disk import Disk, lock
from tests.soak.virtual_bot import Script, VirtualBot

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
MINUTE_MS = 60_000
PATHS = ("depth", "klines", "trades", "exchangeInfo", "avgPrice", "")
CLIENT_TIMEOUT_MS = 2000
LOCKED_SECONDS = {"locked": 1.0, "locked for long": 6.0}
"""SQLite lets the bot wait for five"""

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
        self._disk = Disk()
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
            "long halt": lambda: self._status("CANCEL_ONLY", 45),
            "vanished": lambda: self._status("DELISTED", 15),
            "delisting": lambda: self._status("BREAK", 120),
            "rules": self._rules,
            "gap": lambda: self._move(self._rng.choice((-0.04, -0.08, 0.05, 0.1)), 0),
            "flash crash": self._crash,
            "reload": self._reload,
            "force exit": self._force_exit,
            "part of an exit, then the stop": self._part_then_stop,
            "increase": self._increase,
            "forced entry": self._force_entry,
            "clock jump": self._jump,
            "disk full": self._fill_disk,
            **{
                name: (lambda seconds=seconds: lock(self._bot.database, seconds))
                for name, seconds in LOCKED_SECONDS.items()
            },
        }

    def _make(self, kind: str) -> None:
        self.made[kind] += 1
        self._kinds()[kind]()

    def _post(self, endpoint: str, /, **body: Any) -> None:
        direct(self._bot.replica.url, endpoint, **body)

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
        if self._disk.is_full:
            return  # it would end the bot in the midst of this, as its own loop does
        # freqtrade's API answers with the error: the book may be empty, or what is left too small to sell
        with suppress(FreqtradeException, RPCException):
            RPC(self._bot.worker.freqtrade)._rpc_force_exit("all")

    def _part_then_stop(self) -> None:
        """An exit that a person asks for rests, is filled in part, and then the stop is reached."""
        running = self._bot.replica.exchange.running
        trades = {trade.pair.replace("/", ""): trade for trade in Trade.get_open_trades()}
        moving = [symbol for symbol in trades if not running[symbol].market.frozen]
        if self._disk.is_full or not moving:
            return
        symbol = self._rng.choice(moving)
        trade, rate = trades[symbol], running[symbol].market.last / 1e8 * 1.002
        with suppress(FreqtradeException, RPCException):
            RPC(self._bot.worker.freqtrade)._rpc_force_exit(str(trade.id), "limit", price=rate)
        passing = {"side": "buy", "rate": rate * 1.001, "amount": trade.amount / 3}
        self._later(0.5, lambda: self._post("print", symbol=symbol, **passing))
        self._later(1, lambda: self._post("move", symbol=symbol, to=rate * 0.95, seconds=5))
        self._later(4, lambda: self._post("release", symbol=symbol))

    def _increase(self) -> None:
        """A person adds to a position, wherever it is on its plan."""
        if trades := Trade.get_open_trades():
            self._enter(self._rng.choice(trades).pair, self._rng.uniform(10, 60))

    def _force_entry(self) -> None:
        """A person enters, with a stake that may be too small or too large."""
        self._enter(self._rng.choice(PAIRS), self._rng.choice((None, 3.0, 40.0, 5000.0)))

    def _enter(self, pair: str, stake: float | None) -> None:
        if self._disk.is_full:
            return
        # as for a force exit
        with suppress(FreqtradeException, RPCException):
            RPC(self._bot.worker.freqtrade)._rpc_force_entry(pair, None, stake_amount=stake)

    def _jump(self) -> None:
        """The clock of the bot's machine goes wrong, and is put right later."""
        self._virtual.ahead_ms = self._rng.choice((-3_600_000, -90_000, -2000, 2000, 90_000, 3_600_000))
        self._later(self._rng.uniform(1, 20), lambda: setattr(self._virtual, "ahead_ms", 0))

    def _fill_disk(self) -> None:
        self._disk.fill()
        # what the database has left of its last page may last for a while
        self._later(self._rng.uniform(10, 60), self._disk.free)


def direct(url: str, endpoint: str, /, **body: Any) -> None:
    """Tell the exchange at this address what to do."""
    with urlopen(Request(f"{url}/control/{endpoint}", json.dumps(body).encode()), timeout=60):
        pass
