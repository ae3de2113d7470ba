"""
Time a managed backtest beside a plain strategy with the same entry signals.

    python -m benchmarks.backtest FOLDER [TIMERANGE]

FOLDER holds candles as `freqtrade download-data` writes them: BTC_USDT-5m.feather and BTC_USDT-1h.feather.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade

from benchmarks.backtests import ROOT, run_backtest
from freqtrade_ext.replica import Replica

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("timerange", nargs="?", default="20230201-20240101")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica:
        exchange = {**replica.overlay()["exchange"], "pair_whitelist": ["BTC/USDT"]}
        cases = {
            "PlainBreakout": ROOT / "benchmarks" / "strategies",
            "BreakoutStrategy": ROOT / "strategies",
        }
        # in turn, so that both meet the same load of the machine; the least of each counts
        seconds: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, path in cases.items():
                seconds[name].append(timed(name, path, arguments.folder, arguments.timerange, exchange))
                print(f"{name}: {seconds[name][-1]:.1f} s, {len(LocalTrade.bt_trades)} trades")
    plain, managed = (min(times) for times in seconds.values())
    print(f"plain {plain:.1f} s, managed {managed:.1f} s, ratio {managed / plain:.2f}")


def timed(name: str, strategies: Path, folder: Path, timerange: str, exchange: dict[str, Any]) -> float:
    with tempfile.TemporaryDirectory() as user_data, redirect_stdout(StringIO()):
        # of this thread alone: the embedded exchange runs in another one
        begin = time.thread_time()
        run_backtest(Path(user_data), name, timerange, folder, strategies, exchange=exchange)
        seconds = time.thread_time() - begin
        Backtesting.cleanup()
    return seconds


if __name__ == "__main__":
    main()
