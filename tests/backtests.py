"""Fixtures for backtests in this process: real freqtrade, recorded candles, the replica's markets."""

import pandas as pd
import pytest
from freqtrade.optimize.backtesting import Backtesting

from benchmarks.backtests import ROOT, run_backtest
from freqtrade_ext.replica import Replica

PAIR = "BTC/USDT"
CANDLE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@pytest.fixture(scope="session")
def overlay():
    """Lead to markets (lots, ticks, minimums); their rates play no part in a backtest."""
    with Replica(seed=1, pairs=[PAIR], scenario="calm") as replica:
        yield replica.overlay()


@pytest.fixture(scope="session")
def candles(shared_data, tmp_path_factory):
    """A folder of recorded BTC/USDT candles of early 2023, 5m to 1d."""
    folder = tmp_path_factory.mktemp("candles")
    recorded = pd.read_feather(shared_data / "klines" / "daisybum_MIT" / "BTC_USDT-5m.feather")
    recorded = recorded[recorded["date"] < "2023-04-01"].reset_index(drop=True)
    recorded.to_feather(folder / "BTC_USDT-5m.feather")
    for timeframe in ("15min", "1h"):
        write_longer(recorded, timeframe, folder)
    return folder


def write_longer(recorded, timeframe, folder):
    longer = recorded.set_index("date").resample(timeframe).agg(CANDLE).dropna().reset_index()
    longer["date"] = longer["date"].astype(recorded["date"].dtype)
    longer.to_feather(folder / f"BTC_USDT-{timeframe.removesuffix('in')}.feather")


@pytest.fixture
def backtest(overlay, candles, tmp_path):
    """Run a backtest in this process; its trades are left in `LocalTrade.bt_trades`."""

    def run(
        strategy="BreakoutStrategy",
        timerange="20230301-20230320",
        folder="strategies",
        datadir=candles,
        **changes,
    ):
        exchange = {**overlay["exchange"], "pair_whitelist": [PAIR]}
        return run_backtest(
            tmp_path, strategy, timerange, datadir, ROOT / folder, exchange=exchange, **changes
        )

    yield run
    Backtesting.cleanup()
