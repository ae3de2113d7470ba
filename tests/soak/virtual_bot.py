"""A whole bot and its market in this process and in virtual time."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from freqtrade.commands import Arguments
from freqtrade.misc import deep_merge_dicts
from freqtrade.persistence import Trade
from freqtrade.worker import Worker

from freqtrade_ext.replay import UNTIL_THE_CANDLE_SECONDS, overlay_for
from freqtrade_ext.replica import Replica
from freqtrade_ext.virtual_time import STEP_MS, Alarm, Clock, VirtualTime
from tests.bot_process import ROOT

WALLET = 500.0
Action = Callable[[], object]


class Script(VirtualTime):
    """Virtual time in which something is done at certain times, between two loops of the bot."""

    actions: list[tuple[int, Action]]
    """(ms, what), in the order of time"""

    def at(self, ms: int, action: Action) -> None:
        self.actions = sorted([*self.actions, (ms, action)], key=lambda entry: entry[0])

    def _pause_ms(self, most_ms: int, alarms: Sequence[Alarm]) -> int:
        acted = False
        while self.actions and self.actions[0][0] <= self.clock.ms:
            self.actions.pop(0)[1]()
            acted = True
        pause_ms = STEP_MS if acted else super()._pause_ms(most_ms, alarms)
        return min(pause_ms, self.actions[0][0] - self.clock.ms) if self.actions else pause_ms


class VirtualBot:
    """freqtrade's own worker on the market of a seed; `run` may be called in another process again."""

    def __init__(self, folder: Path, strategy: str, pairs: Sequence[str], seed: int, **market: Any) -> None:
        """:param market: what `Replica` takes."""
        self.folder, self.strategy, self.seed = folder, strategy, seed
        self.clock = Clock()
        self.start_ms = self.clock.ms
        self.replica = Replica(seed, pairs, clock=self.clock, **market)
        self.worker: Worker

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
        Trade until then.

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
            with virtual.running():
                command += ["--db-url", f"sqlite:///{self.database}"]
                self.worker = Worker(Arguments(command).get_parsed_arg())
                with suppress(KeyboardInterrupt):
                    self.worker.run()
                self.worker.exit()
                Trade.session.remove()
        return virtual

    def _config(self, changes: dict[str, Any]) -> Path:
        config = json.loads((ROOT / "config.json").read_text())
        shipped = (ROOT / "strategies").glob("*.py")
        is_shipped = any(f"class {self.strategy}(" in file.read_text() for file in shipped)
        path = ROOT / ("strategies" if is_shipped else "tests/strategies")
        config |= {"strategy": self.strategy, "strategy_path": str(path)}
        config |= {"dry_run_wallet": WALLET, "user_data_dir": str(self.folder)}
        deep_merge_dicts(overlay_for(config, self.replica, self.seed, self.log), config)
        config["internals"]["process_throttle_secs"] = UNTIL_THE_CANDLE_SECONDS
        deep_merge_dicts(changes, config)
        file = self.folder / "config.json"
        file.write_text(json.dumps(config))
        return file
