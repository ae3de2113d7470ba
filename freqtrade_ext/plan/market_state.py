"""Market state: momentum, volatility and regime of a pair, from closed candles (TA-Lib)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import talib
from pandas import DataFrame, concat

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.settings import Settings

Regime = Literal["flat", "choppy", "trending"]
REGIMES: tuple[Regime, ...] = ("flat", "choppy", "trending")
"""The place in this tuple is the value of the column `regime`, so that charts can draw it."""

MIN_CANDLES = 200
"""TA-Lib's recursive indicators forget where they began (to 1e-6) after this many candles."""

INDICATORS = ("rsi", "macd_hist", "adx", "atr_pct")
COLUMNS = ("candles", *INDICATORS)
"""what a market state is read from"""


@dataclass(frozen=True, slots=True)
class MarketState:
    """One row of `indicators`, known to be complete."""

    rsi: float
    macd_hist: float
    """quote units per base unit"""
    adx: float
    atr_pct: float
    """percent of close"""
    regime: Regime

    def strong_trend(self, is_short: bool, settings: Settings) -> bool:
        """Return whether there is a strong trend in this direction (`spec.md` 1)."""
        if self.regime != "trending":
            return False
        if is_short:
            return self.rsi < 100 - settings.rsi_strong and self.macd_hist < 0
        return self.rsi > settings.rsi_strong and self.macd_hist > 0


def indicators(candles: DataFrame, settings: Settings) -> DataFrame:
    """
    Compute the market state at the close of every candle.

    A broken candle (not a number) would spoil TA-Lib's recursive indicators without a sign, RSI becoming 0
    for good: so counting and computing begin anew behind it.

    :param candles: closed candles, oldest first, with date, high, low and close.
    :return: date, COLUMNS and `regime`, which is for charts and signals; all but `candles` (in a row,
        MIN_CANDLES at most) are NaN before MIN_CANDLES.
    """
    rates = candles[["high", "low", "close"]]
    whole = np.isfinite(rates).all(axis=1) & (rates > 0).all(axis=1)
    stretches = candles[whole].groupby((~whole).cumsum()[whole], sort=False)
    parts = [_indicators(stretch, settings) for _, stretch in stretches]
    state = concat(parts) if parts else DataFrame(columns=[*COLUMNS, "regime"], dtype=float)
    return state.reindex(candles.index).assign(date=candles["date"])


def _indicators(candles: DataFrame, settings: Settings) -> DataFrame:
    high, low, close = (candles[name].to_numpy(dtype=float) for name in ("high", "low", "close"))
    adx = talib.ADX(high, low, close, timeperiod=14)
    atr_pct = talib.ATR(high, low, close, timeperiod=14) / close * 100
    state = DataFrame(
        {
            "candles": np.arange(1.0, len(candles) + 1).clip(max=MIN_CANDLES),
            "rsi": talib.RSI(close, timeperiod=14),
            "macd_hist": talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)[2],
            "adx": adx,
            "atr_pct": atr_pct,
            "regime": _regime(adx, atr_pct, settings),
        },
        index=candles.index,
    )
    state.iloc[: MIN_CANDLES - 1, 1:] = np.nan
    return state


def _regime(adx: Any, atr_pct: Any, settings: Settings) -> Any:
    """Return the regime of one candle or of each, as an index into REGIMES."""
    untrended = np.where(atr_pct >= settings.atr_choppy, 1.0, 0.0)
    return np.where(adx >= settings.adx_trending, 2.0, untrended)


def read_state(row: Mapping[str, Any], settings: Settings, timeframe: str) -> MarketState:
    """
    Read the market state out of one row.

    :param row: values of COLUMNS by name.
    :param timeframe: of the candles, for the message.
    :raises NoTrade: too few candles, an indicator that is not a number, or a market that does not move.
    """
    candles = row["candles"]
    if not candles >= MIN_CANDLES:
        seen = 0 if math.isnan(candles) else int(candles)
        raise NoTrade(f"{seen} whole {timeframe} candles in a row, {MIN_CANDLES} are needed")
    broken = [name for name in INDICATORS if not math.isfinite(row[name])]
    if broken:
        raise NoTrade(f"{', '.join(broken)} of the {timeframe} candles is not a number: bad candle data")
    if not row["atr_pct"] > 0:
        raise NoTrade(f"ATR of the {timeframe} candles is 0: the market does not move")
    rsi, macd_hist, adx, atr_pct = (float(row[name]) for name in INDICATORS)
    return MarketState(rsi, macd_hist, adx, atr_pct, REGIMES[int(_regime(adx, atr_pct, settings))])
