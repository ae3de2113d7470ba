"""Keep with a trade what a person reads of it: its story first, and the candles that the report draws."""

from __future__ import annotations

from datetime import datetime, timedelta

from freqtrade.persistence import Trade
from pandas import DataFrame

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.plan import explain
from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.progress import progress_of, progress_text
from freqtrade_ext.strategy.position import read_position

STORY = "story"
BARS = 60
"""candles kept of a trade; longer ones get wider candles"""
BEFORE = 12
"""candles from before the entry"""


def begin_story(trade: Trade) -> None:
    """Reserve the first place in a trade's custom data, which FreqUI shows in the order it was created."""
    if trade.get_custom_data(STORY) is None:
        trade.set_custom_data(STORY, [])


def tell_story(trade: Trade, plan: Plan, timeframe: str) -> None:
    """
    Keep how far the trade has got, and behind it the five steps of its entry in words.

    :param timeframe: of the market state.
    """
    now = progress_text(plan, progress_of(plan, read_position(trade)), trade.stop_loss)
    told = trade.get_custom_data(STORY)[1:] or _steps(trade, plan, timeframe)
    trade.set_custom_data(STORY, [now, *told])


def _steps(trade: Trade, plan: Plan, timeframe: str) -> list[str]:
    state = trade.get_custom_data("market_state")
    records = map(FillRecord.from_json, trade.get_custom_data("fills", [])[:1])
    stake, split, _ = plan.reasons
    shares = "/".join(f"{share:g}" for share in plan.shares)
    base, quote = trade.safe_base_currency, trade.safe_quote_currency
    steps = [
        f"2/5 sizing: {trade.stake_amount:,.2f} {quote}, sold {shares} | {stake} | {split}",
        explain.levels_step(plan),
        *(f"4/5 execution: {record.words(base, quote)}" for record in records if record),
        explain.monitoring_step(plan),
    ]
    if state is None:
        return steps
    market = MarketState(**state)
    return [
        f"1/5 market ({timeframe}): RSI {market.rsi:.1f}, MACD histogram {market.macd_hist:+.6g}, "
        f"ATR {market.atr_pct:.2f}%, ADX {market.adx:.1f}: {market.regime}",
        *steps,
    ]


def kept_candles(candles: DataFrame, opened: datetime, candle: timedelta) -> list[list[float]]:
    """
    Return the candles around a trade up to now, joined to about 60.

    :param candles: as freqtrade has them: date, open, high, low, close.
    :param opened: UTC.
    :param candle: their timeframe.
    :return: lists of [milliseconds since 1970, open, high, low, close], oldest first.
    """
    while True:
        shown = candles[candles["date"] >= opened - BEFORE * candle]
        if len(shown) <= BARS + BEFORE:
            break
        candle *= 2
        how = {"open": "first", "high": "max", "low": "min", "close": "last"}
        candles = candles.resample(candle, on="date").agg(how).dropna().reset_index()
    rows = shown[["date", "open", "high", "low", "close"]].itertuples(index=False)
    return [[date.timestamp() * 1000, *map(float, rates)] for date, *rates in rows]
