"""
Backtest the shipped strategies over recorded markets and print the table of docs/strategies.md.

    python -m benchmarks.regimes FOLDER

FOLDER holds candles as `freqtrade download-data` writes them, BTC_USDT-1h.feather from 2017 to 2024 and
BTC_USDT-5m.feather of 2023. Lots, minimums and fees are the embedded exchange's, so nothing is fetched.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade
from pandas import read_feather

from benchmarks.backtests import run_backtest
from freqtrade_ext.replica import Replica

STRATEGIES = ("BreakoutStrategy", "AdaptiveSynergy", "MomentumBreakout", "VolatilityReversal")
PERIODS = {
    "1h": (
        ("2018", "20180101-20190101"),
        ("2019", "20190101-20200101"),
        ("2020", "20200101-20210101"),
        ("2021", "20210101-20220101"),
        ("2022", "20220101-20230101"),
        ("2023", "20230101-20240101"),
        ("up: 2020-10 to 2021-01-10", "20201001-20210110"),
        ("down: 2022-04 to 07", "20220401-20220801"),
        ("choppy: 2023-04 to 10", "20230401-20231101"),
        ("crash: 2020-03", "20200301-20200401"),
        ("crash: 2021-05 to 06", "20210501-20210701"),
    ),
    "5m": (("2023-02 to 12", "20230201-20240101"),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    logging.disable(logging.WARNING)
    print("| timeframe | period | BTC | " + " | ".join(STRATEGIES) + " |")
    print("|---|---|---|" + "---|" * len(STRATEGIES))
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as replica:
        exchange = {**replica.overlay()["exchange"], "pair_whitelist": ["BTC/USDT"]}
        for timeframe, periods in PERIODS.items():
            for name, timerange in periods:
                cells = [cell(s, timeframe, timerange, folder, exchange) for s in STRATEGIES]
                held = held_profit(folder / f"BTC_USDT-{timeframe}.feather", timerange)
                print(f"| {timeframe} | {name} | {held:+.0%} | " + " | ".join(cells) + " |", flush=True)


def cell(strategy: str, timeframe: str, timerange: str, folder: Path, exchange: dict[str, Any]) -> str:
    """Give profit in percent of the account, trades, share of winners, deepest fall of the account."""
    with tempfile.TemporaryDirectory() as user_data, redirect_stdout(StringIO()):
        backtesting = run_backtest(
            Path(user_data), strategy, timerange, folder, exchange=exchange, timeframe=timeframe
        )
        results = backtesting.results["strategy"][strategy]
    trades = len(LocalTrade.bt_trades)
    Backtesting.cleanup()
    fall = results["max_drawdown_account"]
    return f"{results['profit_total']:+.1%}, {trades} trades, {results['winrate']:.0%} won, fall {fall:.1%}"


def held_profit(candles: Path, timerange: str) -> float:
    """What BTC did meanwhile: last close over first open."""
    begin, end = timerange.split("-")
    dates = read_feather(candles)
    dates = dates[(dates["date"] >= f"{begin} 00:00+00:00") & (dates["date"] < f"{end} 00:00+00:00")]
    return float(dates["close"].iloc[-1] / dates["open"].iloc[0] - 1)


if __name__ == "__main__":
    main()
