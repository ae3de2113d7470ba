"""The bot of `tests.bot_process` with `benchmarks.inside` in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.bot_process import ROOT, Bot

STRATEGIES = str(ROOT / "benchmarks" / "strategies")


class MeasuredBot(Bot):
    def __init__(self, *args: Any, sample_seconds: float, **changes: Any) -> None:
        super().__init__(*args, **{"strategy_path": STRATEGIES, **changes})
        self.sample_seconds = sample_seconds

    def start(self) -> None:
        command = [sys.executable, "-m", "benchmarks.inside", "samples.jsonl", str(self.sample_seconds)]
        command += ["trade", "--dry-run", "--config", "config.json", "--config", "overlay.json"]
        command += ["--db-url", "sqlite:///bot.sqlite", "--logfile", "bot.log"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "printed").open("a") as printed:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=printed, stderr=printed
            )

    def samples(self) -> list[dict[str, Any]]:
        """What the bot has said of itself so far."""
        lines = (self.folder / "samples.jsonl").read_text().splitlines(keepends=True)
        # the last one may be half written
        return [sample for line in lines if line.endswith("\n") and "held" in (sample := json.loads(line))]

    def callback_times(self) -> dict[str, float]:
        """Microseconds of a callback, known once the bot has ended."""
        lines = (self.folder / "samples.jsonl").read_text().splitlines()
        return next(json.loads(line)["callbacks_us"] for line in reversed(lines) if "callbacks_us" in line)

    def open_trades(self) -> list[dict[str, Any]]:
        return self.rows("select * from trades where is_open and amount > 0 order by id")
