"""The plan's settings as spaces of freqtrade's hyperopt."""

import json
import shutil
import subprocess
import sys
from typing import ClassVar

import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import IStrategy

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.managed import ManagedStrategy
from freqtrade_ext.strategy.tuning import _range
from tests.bot_process import ROOT

pytestmark = pytest.mark.timeout(300)

DAYS = "20230301-20230310"


@pytest.fixture
def folder(tmp_path):
    """User data with a strategy of its own, beside which hyperopt writes."""
    (tmp_path / "strategies").mkdir()
    shutil.copy(ROOT / "strategies" / "breakout.py", tmp_path / "strategies")
    return tmp_path


@pytest.fixture
def run(backtest, folder):
    """Backtest with parameters in the file that hyperopt writes."""

    def run(params=None, **settings):
        if params is not None:
            found = {"strategy_name": "BreakoutStrategy", "params": params}
            (folder / "strategies" / "breakout.json").write_text(json.dumps(found))
        strategies = str(folder / "strategies")
        return backtest(timerange=DAYS, folder=strategies, freqtrade_ext=settings).strategy

    return run


def test_what_hyperopt_has_found_replaces_the_setting(run):
    strategy = run(
        {
            "stops": {"managed_stop_atr_low": 2.635, "managed_stop_atr_mid": 1.0},
            "targets": {"managed_targets_strong_1": 5.0, "managed_split_early_1": 120.0},
        },
        stop_atr_high=1.7,
    )
    settings = strategy.manager.settings
    assert (settings.stop_atr_low, settings.stop_atr_mid, settings.stop_atr_high) == (2.635, 1.0, 1.7)
    # in rising order, and scaled to 100 %
    assert settings.targets_strong == (4.0, 5.0, 8.0)
    assert settings.split_early == pytest.approx((75.0, 15.625, 9.375))
    assert settings.targets_early == Settings().targets_early
    assert settings.adx_trending == Settings().adx_trending


def test_without_hyperopt_there_are_no_parameters(run):
    assert not list(run({"buy": {}}).enumerate_parameters())


def test_impossible_parameters_are_refused_by_the_settings_name(run):
    with pytest.raises(OperationalException, match=r"freqtrade_ext.stop_atr_low must be > 0, is -1.0"):
        run({"stops": {"managed_stop_atr_low": -1.0}})


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [
        (3.0, {}, (2.0, 4.5)),
        (90.0, {"above": 0, "below": 100}, (60.0, 99.999)),
        (90.0, {"at_least": 0, "at_most": 100}, (60.0, 100)),
        (0.0, {"at_least": 0}, (0.0, 0.0)),
    ],
)
def test_range_stays_within_the_limits_of_the_setting(value, limits, expected):
    assert _range(value, limits) == pytest.approx(expected)


CONFIG = {"stake_currency": "USDT"}


class Theirs(IStrategy):
    timeframe = "5m"
    minimal_roi: ClassVar = {60: 0.01, "0": 0.04}
    stoploss = -0.05
    trailing_stop = True
    trailing_stop_positive = 0.01


def test_hyperopt_under_the_plan_leaves_a_strategy_its_own_exits():
    """It wrote the plan's: run as it is afterwards, the strategy had a stop of 10 % and no ROI."""
    strategy = type("Mine", (ManagedStrategy, Theirs), {})(CONFIG)
    assert (strategy.stoploss, strategy.minimal_roi, strategy.trailing_stop) == (-0.1, {}, False)
    strategy.ft_load_hyper_params(hyperopt=True)
    own = {
        "roi": {"60": 0.01, "0": 0.04},
        "stoploss": {"stoploss": -0.05},
        "trailing": {"trailing_stop": True, "trailing_stop_positive": 0.01},
    }
    assert strategy.get_no_optimize_params() == own
    # and what an earlier hyperopt of the strategy alone had found
    strategy._ft_params_from_file = {"stoploss": {"stoploss": -0.03}, "buy": {"rsi": 30}}
    assert strategy.get_no_optimize_params() == own | {"stoploss": {"stoploss": -0.03}}
    written_for_it = type("Written", (ManagedStrategy,), {"timeframe": "5m"})(CONFIG)
    written_for_it.ft_load_hyper_params(hyperopt=True)
    assert written_for_it.get_no_optimize_params() == {}


def test_hyperopt_tunes_the_plan_and_a_backtest_repeats_what_it_found(overlay, candles, folder, run):
    """Real `freqtrade hyperopt`: each epoch trades by its own settings, the best are written down."""
    config = {"exchange": {**overlay["exchange"], "pair_whitelist": ["BTC/USDT"]}}
    (folder / "markets.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "freqtrade", "hyperopt", "--strategy", "BreakoutStrategy"]
    command += ["--config", "config.json", "--config", str(folder / "markets.json"), "--userdir", str(folder)]
    command += ["--strategy-path", str(folder / "strategies"), "--datadir", str(candles)]
    command += ["--hyperopt-loss", "OnlyProfitHyperOptLoss", "--spaces", "stops", "targets", "thresholds"]
    command += ["--epochs", "4", "--random-state", "3", "--job-workers", "2", "--timerange", DAYS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    profits = epochs(folder)
    assert len(profits) == 4
    assert len(set(profits)) > 1  # the settings of each epoch count
    found = json.loads((folder / "strategies" / "breakout.json").read_text())["params"]
    assert {"stops", "targets", "thresholds"} <= set(found)
    assert "sizing" not in found  # nobody asked for it
    settings = run().manager.settings
    assert settings.stop_atr_mid == found["stops"]["managed_stop_atr_mid"] != Settings().stop_atr_mid
    assert sum(trade.close_profit_abs for trade in LocalTrade.bt_trades) == pytest.approx(max(profits))


def epochs(folder):
    """Profits in stake currency of the epochs that a hyperopt run saved."""
    (results,) = (folder / "hyperopt_results").glob("*.fthypt")
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    return [line["results_metrics"]["profit_total_abs"] for line in lines]
