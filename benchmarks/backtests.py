"""A freqtrade backtest in this process, with config.json and changes to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqtrade.configuration import Configuration
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

ROOT = Path(__file__).resolve().parents[1]


def run_backtest(
    user_data: Path,
    strategy: str,
    timerange: str,
    datadir: Path,
    strategies: Path = ROOT / "strategies",
    load_exchange: Callable[[dict[str, Any]], Exchange] | None = None,
    **changes: Any,
) -> Backtesting:
    """
    Run a backtest; its trades are left in `LocalTrade.bt_trades`, and `Backtesting.cleanup` is the caller's.

    :param user_data: an existing folder, where strategies are looked for too.
    :param datadir: candles as freqtrade keeps them.
    :param strategies: strategy path.
    :param load_exchange: in place of freqtrade's own way, which asks the exchange for its markets.
    :param changes: over config.json; `exchange` leads to where markets come from.
    """
    overrides = user_data / "overrides.json"
    overrides.write_text(json.dumps({"export": "none", **changes}))
    arguments = {
        "config": [str(ROOT / "config.json"), str(overrides)],
        "strategy": strategy,
        "strategy_path": str(strategies),
        "datadir": str(datadir),
        "user_data_dir": str(user_data),
        "timerange": timerange,
        "backtest_cache": "none",
    }
    config = Configuration(arguments, RunMode.BACKTEST).get_config()
    validate_config_consistency(config, preliminary=True)
    backtesting = Backtesting(config, load_exchange(config) if load_exchange else None)
    backtesting.start()
    return backtesting
