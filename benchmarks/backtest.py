"""
Time a managed backtest beside plain strategies with the same signals, one of which adjusts positions.

    python -m benchmarks.backtest FOLDER [TIMERANGE]

FOLDER holds candles as `freqtrade download-data` writes them: BTC_USDT-5m.feather and BTC_USDT-1h.feather.
"""

from __future__ import annotations

import argparse
import json
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
COSTS = {
    "quote_volume_per_hour": 1e8,
    "half_spread_bps": {"all": 1.0, **{f"{hour:02}": 1.0 for hour in range(24)}},
    "range_percent": [0.1, 0.3],
    "range_factor": [0.8, 1.0, 1.3],
    "depth_bps": {"50": 0.1, "500": 0.3, "5000": 2.0},
    "delay_bps": 0.1,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("timerange", nargs="?", default="20230201-20240101")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica,
    ):
        costs = Path(folder) / "costs.json"
        costs.write_text(json.dumps({"pairs": {"BTCUSDT": COSTS}}))
        exchange = {**replica.overlay()["exchange"], "pair_whitelist": ["BTC/USDT"]}
        cases = {
            "plain": ("PlainBreakout", ROOT / "benchmarks" / "strategies", {}),
            "plain, adjusting": ("PlainAdjusting", ROOT / "benchmarks" / "strategies", {}),
            "managed": ("BreakoutStrategy", ROOT / "strategies", {}),
            "managed, with costs": ("BreakoutStrategy", ROOT / "strategies", {"backtest_costs": str(costs)}),
        }
        # in turn, so that both meet the same load of the machine; the least of each counts
        seconds: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, (strategy, path, settings) in cases.items():
                changes = {"exchange": exchange, "freqtrade_ext": settings}
                seconds[name].append(timed(strategy, path, arguments.folder, arguments.timerange, changes))
                print(f"{name}: {seconds[name][-1]:.1f} s, {len(LocalTrade.bt_trades)} trades")
    plain, adjusting, managed, charged = (min(times) for times in seconds.values())
    print(f"plain {plain:.1f} s, managed {managed:.1f} s, ratio {managed / plain:.2f}")
    print(f"plain with adjusting {adjusting:.1f} s, ratio {managed / adjusting:.2f}")
    print(f"with costs {charged:.1f} s, ratio {charged / managed:.3f}")


def timed(name: str, strategies: Path, folder: Path, timerange: str, changes: dict[str, Any]) -> float:
    with tempfile.TemporaryDirectory() as user_data, redirect_stdout(StringIO()):
        # of this thread alone: the embedded exchange runs in another one
        begin = time.thread_time()
        run_backtest(Path(user_data), name, timerange, folder, strategies, **changes)
        seconds = time.thread_time() - begin
        Backtesting.cleanup()
    return seconds


if __name__ == "__main__":
    main()
