"""A whole bot and its market in this process and in virtual time."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
from freqtrade.commands import Arguments
from freqtrade.exceptions import OperationalException
from freqtrade.misc import deep_merge_dicts
from freqtrade.persistence import Trade
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.worker import Worker
from sqlalchemy.exc import SQLAlchemyError

from freqtrade_ext.replica import Replica
from freqtrade_ext.run.replay import UNTIL_THE_CANDLE_SECONDS, overlay_for
from freqtrade_ext.run.virtual_time import STEP_MS, Alarm, Clock, VirtualTime
from tests.bot_process import ROOT

WALLET = 500.0
RESTART_SECONDS = 60
"""after which whatever supervises the bot starts it again"""
Action = Callable[[], object]


class Script(VirtualTime):
    """Virtual time in which something is done at certain times, between two loops of the bot."""

    actions: list[tuple[int, Action]]
    """(ms, what), in the order of time"""
    ahead_ms = 0
    """how far the bot's clock is ahead of the exchange's"""

    def at(self, ms: int, action: Action) -> None:
        self.actions = sorted([*self.actions, (ms, action)], key=lambda entry: entry[0])

    def act(self) -> bool:
        """Do what is due; tell whether that was anything."""
        acted = False
        while self.actions and self.actions[0][0] <= self.clock.ms:
            self.actions.pop(0)[1]()
            acted = True
        return acted

    def _seconds(self) -> float:
        return super()._seconds() + self.ahead_ms / 1000

    def _pause_ms(self, most_ms: int, alarms: Sequence[Alarm]) -> int:
        pause_ms = STEP_MS if self.act() else super()._pause_ms(most_ms, alarms)
        return min(pause_ms, self.actions[0][0] - self.clock.ms) if self.actions else pause_ms


class VirtualBot:
    """freqtrade's own worker on the market of a seed; `run` may be called in another process again."""

    def __init__(
        self,
        folder: Path,
        strategy: str,
        pairs: Sequence[str],
        seed: int,
        clock: Clock | None = None,
        **market: Any,
    ) -> None:
        """:param market: what `Replica` takes."""
        self.folder, self.strategy, self.seed = folder, strategy, seed
        self.clock = clock or Clock()
        self.start_ms = self.clock.ms
        self.replica = Replica(seed, pairs, clock=self.clock, **market)
        self.worker: Worker
        self.ends: list[str] = []
        """
        Errors of the database that ended the bot, and of the exchange that let it not start: stock freqtrade
        lives with none of them (2026.9 worker.py).
        """

    @property
    def database(self) -> Path:
        return self.folder / "bot.sqlite"

    @property
    def log(self) -> Path:
        return self.folder / "bot.log"

    def run(
        self,
        until_ms: int,
        direct: Callable[["VirtualBot", Script], None] = lambda bot, script: None,
        from_ms: int = 0,
        **changes: Any,
    ) -> Script:
        """
        Trade until then; a bot that has ended is started again after a minute.

        :param direct: what to do with the market meanwhile.
        :param from_ms: the bot starts then, on a market that is there since the beginning.
        :param changes: to config.json.
        """
        with self.replica:
            self.clock.ms = max(self.start_ms, from_ms)
            self.replica.advance(self.clock.ms)
            virtual = Script(self.replica, self.clock, until_ms)
            virtual.actions = []
            direct(self, virtual)
            command = ["trade", "--dry-run", "--config", str(self._config(changes))]
            command += ["--db-url", f"sqlite:///{self.database}"]
            with virtual.running():
                while (error := self._live(command)) is not None and self.clock.ms < until_ms:
                    # "(sqlite3.OperationalError) database is locked", perhaps behind what came of it
                    self.ends.append(str(error).splitlines()[0].rpartition(") ")[2])
                    time.sleep(RESTART_SECONDS)
                    virtual.act()
        return virtual

    def save_candles(self, folder: Path) -> None:
        """Write what the exchange has of each pair's candles, at most a thousand, as freqtrade keeps them."""
        for market in self.replica.exchange.markets:
            for timeframe in ("1m", "5m", "1h"):
                query = f"symbol={market.symbol.name}&interval={timeframe}&limit=1000"
                with urlopen(f"{self.replica.url}/api/v3/klines?{query}", timeout=10) as answer:
                    rows = [[row[0], *map(float, row[1:6])] for row in json.load(answer)[:-1]]
                frame = pd.DataFrame(rows, columns=["date", "open", "high", "low", "close", "volume"])
                frame["date"] = pd.to_datetime(frame["date"], unit="ms", utc=True)
                frame.to_feather(folder / f"{market.symbol.pair.replace('/', '_')}-{timeframe}.feather")

    def _live(self, command: list[str]) -> Exception | None:
        """One life of the bot; return what ended it before its time, or let it not even begin."""
        worker, died_of = None, None
        try:
            self.worker = worker = Worker(Arguments(command).get_parsed_arg())
            self.worker.run()
        except KeyboardInterrupt:
            pass
        except (SQLAlchemyError, OperationalException) as error:
            died_of = error
        if worker is not None:
            with suppress(SQLAlchemyError):
                worker.exit()
        # as the end of a process would: what is not committed is lost, and no lock is left
        for session in (Trade.session, _CustomData.session):
            session.remove()
        Trade.session.get_bind().dispose()
        return died_of

    def _config(self, changes: dict[str, Any]) -> Path:
        config = json.loads((ROOT / "config.json").read_text())
        shipped = (ROOT / "strategies").glob("*.py")
        is_shipped = any(f"class {self.strategy}(" in file.read_text() for file in shipped)
        path = ROOT / ("strategies" if is_shipped else "tests/strategies")
        config |= {"strategy": self.strategy, "strategy_path": str(path)}
        config |= {"dry_run_wallet": changes.pop("dry_run_wallet", WALLET), "user_data_dir": str(self.folder)}
        # the market's part depends on the mode
        deep_merge_dicts(changes, config)
        deep_merge_dicts(overlay_for(config, self.replica, self.seed, self.log), config)
        config["internals"]["process_throttle_secs"] = UNTIL_THE_CANDLE_SECONDS
        deep_merge_dicts(changes, config)
        file = self.folder / "config.json"
        file.write_text(json.dumps(config))
        return file
