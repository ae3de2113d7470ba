"""
Three virtual days of futures, in a process of their own: `python -m tests.futures_replay FOLDER`.

In the second day the mark price of one pair falls by 12 % for two minutes, while nobody trades there at such
rates: no stop is met, and a position with a leverage of ten is liquidated.
"""

import sys
from pathlib import Path

from freqtrade.persistence import Trade

from freqtrade_ext.run import replay
from tests.bot_process import ROOT

DAYS = 3.0
JUMP_MS = round(1.4 * 86_400_000)
FALL = 0.88


class Jump(replay.Progress):
    """Lets a mark price fall once a long position is open then."""

    def __init__(self, virtual):
        super().__init__(virtual)
        self.until_ms = None

    def __call__(self):
        super().__call__()
        now_ms, exchange = self._virtual.clock.ms, self._virtual.replica.exchange
        if now_ms - self._start_ms < JUMP_MS:
            return
        longs = [trade for trade in Trade.get_open_trades() if not trade.is_short]
        if self.until_ms is None and longs:
            self.until_ms = now_ms + 120_000
            running = exchange.running[longs[0].pair.partition(":")[0].replace("/", "")]
            self.perpetual = running.perpetual
            self.perpetual.jump(now_ms, int(self.perpetual.mark * FALL))
        elif self.until_ms is not None and now_ms > self.until_ms:
            self.perpetual.premium = 0.0


def main(folder):
    replay.Progress = Jump
    config = [str(ROOT / "config.json"), str(ROOT / "user_data" / "binance_futures.json"), "strategies.json"]
    arguments = ["--days", str(DAYS), "--config", *config, "--strategy", "Leveraged", "--report", folder]
    return replay.main([*arguments, "--pairs", "BTC/USDT", "ETH/USDT", "--activity", "0.005", "--seed", "4"])


if __name__ == "__main__":
    (Path.cwd() / "strategies.json").write_text(f'{{"strategy_path": "{ROOT / "tests" / "strategies"}"}}')
    sys.exit(main(sys.argv[1]))
