"""
Virtual days of futures, in a process of their own: `python -m tests.futures_replay FOLDER MARGIN_MODE`.

The mark price of one pair falls for two minutes, while nobody trades there at such rates: no stop is met, and
a position with a leverage of ten is liquidated; with cross margin, where the whole balance is lost.
"""

import json
import sys
from pathlib import Path

from freqtrade.persistence import Trade

from freqtrade_ext.run import replay
from tests.bot_process import ROOT

DAY_MS = 86_400_000
MODES = {"isolated": (2.0, 1.4, 0.88), "cross": (0.1, 0.0, 0.3)}
"""days, when the mark price falls, and to which part"""


class Jump(replay.Progress):
    """Lets a mark price fall once a long position is open then."""

    def __init__(self, virtual):
        super().__init__(virtual)
        self.until_ms = None

    def __call__(self):
        super().__call__()
        now_ms, exchange = self._virtual.clock.ms, self._virtual.replica.exchange
        _, fall_days, fall = MODES[sys.argv[2]]
        if now_ms - self._start_ms < fall_days * DAY_MS:
            return
        longs = [trade for trade in Trade.get_open_trades() if not trade.is_short]
        if self.until_ms is None and longs:
            self.until_ms = now_ms + 120_000
            running = exchange.running[longs[0].pair.partition(":")[0].replace("/", "")]
            self.perpetual = running.perpetual
            self.perpetual.jump(now_ms, int(self.perpetual.mark * fall))
        elif self.until_ms is not None and now_ms > self.until_ms:
            self.perpetual.premium = 0.0


def main(folder, mode):
    replay.Progress = Jump
    config = [str(ROOT / "config.json"), str(ROOT / "user_data" / "binance_futures.json"), "strategies.json"]
    arguments = [
        "--days",
        str(MODES[mode][0]),
        "--config",
        *config,
        "--strategy",
        "Leveraged",
        "--report",
        folder,
    ]
    return replay.main([*arguments, "--pairs", "BTC/USDT", "ETH/USDT", "--activity", "0.005", "--seed", "4"])


if __name__ == "__main__":
    more = {"strategy_path": str(ROOT / "tests" / "strategies"), "margin_mode": sys.argv[2]}
    (Path.cwd() / "strategies.json").write_text(json.dumps(more))
    sys.exit(main(*sys.argv[1:]))
