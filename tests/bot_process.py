"""The real bot and the embedded exchange, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
CTRL_C = (130, 0)
"""exit codes of a bot that Ctrl-C ends; 0 is that of 2025.12"""
Levels = Sequence[tuple[float, float]]
"""(rate, amount), best first"""


# the libraries take two seconds to import, and are imported once for all processes
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "freqtrade.worker",
        "freqtrade.freqtradebot",
        "freqtrade.commands.trade_commands",
        "freqtrade.rpc.api_server",
        "ccxt.pro",
        "talib",
        "freqtrade_ext.run.replay",
    ]
)


def environment() -> dict[str, str]:
    """
    Return the environment for processes of their own.

    freqtrade takes no `log_config` where it believes to be in a test (2026.9).
    """
    return {name: value for name, value in os.environ.items() if name != "PYTEST_VERSION"}


ENVIRONMENT = environment()


class Forked:
    """
    `python -m MODULE` in a process of its own, with what `subprocess.Popen` has of it.

    It prints into a file `printed`, and cannot have children by multiprocessing.
    """

    def __init__(
        self, folder: Path, module: str, *arguments: object, cwd: Path | None = None, **environment: str
    ) -> None:
        """
        :param folder: where it runs unless told otherwise, and where `printed` lies.
        :param environment: added to that of the tests.
        """
        self._printed = folder / "printed"
        self._printed.touch()
        command = [module, *map(str, arguments)]
        values = (cwd or folder, self._printed, command, ENVIRONMENT | environment)
        self._process = FORKS.Process(target=_run, args=values, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, None]:
        self.wait(timeout)
        return self._printed.read_text(), None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(cwd: Path, printed: Path, command: Sequence[str], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    # as `python -m` has it
    sys.argv, sys.path[:0] = list(command), [str(cwd)]
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


class Market:
    """The replica's process, directed over HTTP."""

    def __init__(self, overlay: dict[str, Any]) -> None:
        self.overlay = overlay
        self.url = overlay["exchange"]["ccxt_config"]["urls"]["api"]["public"].removesuffix("/api/v3")

    def freeze(self, symbol: str, bids: Levels, asks: Levels) -> None:
        self._post("book", symbol=symbol, bids=bids, asks=asks)

    def move(self, symbol: str, to: float, seconds: float) -> None:
        self._post("move", symbol=symbol, to=to, seconds=seconds)

    def last_rate(self, symbol: str) -> float:
        with urlopen(f"{self.url}/api/v3/ticker/price?symbol={symbol}", timeout=10) as answer:
            return float(json.load(answer)["price"])

    def _post(self, path: str, **body: object) -> None:
        request = Request(f"{self.url}/control/{path}", json.dumps(body).encode())
        with urlopen(request, timeout=10) as answer:
            assert answer.status == 200


@contextmanager
def running_market(folder: Path, *arguments: str) -> Iterator[Market]:
    overlay = folder / "overlay.json"
    process = Forked(
        folder, "freqtrade_ext.replica", "--port", "0", "--overlay", overlay, *arguments, cwd=ROOT
    )
    try:
        wait_until(lambda: overlay.exists() and overlay.stat().st_size, "the replica to serve", 30)
        yield Market(json.loads(overlay.read_text()))
    finally:
        process.terminate()
        process.wait(20)


class Bot:
    """`freqtrade trade --dry-run` in a folder of its own, with config.json and the test's changes to it."""

    mode: Sequence[str] = ("--dry-run",)

    def __init__(self, folder: Path, market: Market, strategy: str, **changes: Any) -> None:
        self.folder = folder
        (folder / "user_data").mkdir(parents=True)
        config = json.loads((ROOT / "config.json").read_text())
        config |= {"strategy": strategy, "strategy_path": str(ROOT / "strategies")}
        # tells of each loop in the log, see wait_for_loops
        config["internals"]["heartbeat_interval"] = 1
        config |= changes
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "overlay.json").write_text(json.dumps(market.overlay))
        self.process: Forked | None = None

    def start(self) -> None:
        files = ["--config", "config.json", "--config", "overlay.json", "--db-url", "sqlite:///bot.sqlite"]
        # freqtrade wraps what it prints; only its log file has whole lines
        self.process = Forked(self.folder, "freqtrade", "trade", *self.mode, *files, "--logfile", "bot.log")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send the signal and return the exit code, negative where the signal itself ended the bot."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    @property
    def log(self) -> str:
        path = self.folder / "bot.log"
        return path.read_text() if path.exists() else (self.folder / "printed").read_text()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read the bot's database; nothing while it is not there yet."""
        path = self.folder / "bot.sqlite"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in database.execute(query, values)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def trades(self) -> list[dict[str, Any]]:
        return self.rows("select * from trades order by id")

    def orders(self) -> list[dict[str, Any]]:
        """Orders that are done, oldest first."""
        return self.rows("select * from orders where not ft_is_open order by id")

    def closed_trade(self, seconds: float = 90) -> dict[str, Any]:
        """Wait for the first trade that is closed."""
        closed = self.wait(
            lambda: [trade for trade in self.trades() if not trade["is_open"]], "a trade to close", seconds
        )
        return closed[0]

    def custom_data(self) -> dict[str, Any]:
        """What the first trade keeps beside freqtrade's own columns."""
        rows = self.rows("select cd_key, cd_value from trade_custom_data where ft_trade_id = 1")
        return {row["cd_key"]: json.loads(row["cd_value"]) for row in rows}

    def wait_for_loops(self, count: int) -> None:
        """Let the bot look at the market this often."""
        beats = self.log.count("Bot heartbeat")
        self.wait(lambda: self.log.count("Bot heartbeat") >= beats + count, f"{count} loops")

    def wait(self, condition: Callable[[], T], what: str, seconds: float = 90) -> T:
        """Return the condition's first true value; a bot that has ended fails at once."""

        def alive() -> T:
            assert self.process is not None
            assert self.process.poll() is None, f"the bot ended while waiting for {what}\n{self.log[-4000:]}"
            return condition()

        try:
            return wait_until(alive, what, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.log[-6000:]}") from None


@contextmanager
def running_bot(bot: Bot) -> Iterator[Bot]:
    bot.start()
    try:
        yield bot
    finally:
        assert bot.process is not None
        # whatever comes of it, nothing is left running
        bot.process.kill()
        bot.process.wait()


def wait_until(condition: Callable[[], T], what: str, seconds: float) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.1)
    return value
