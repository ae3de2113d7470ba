"""The five steps of an entry in words: market data, sizing, levels, execution, monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.sizing import AccountState, Stake
from freqtrade_ext.text import digits, fee_text, money, rate_text

TAG_END = "| "
"""between the tag that an order was placed with and what is added once it has filled"""


def market_step(state: MarketState, timeframe: str, is_strong: bool) -> str:
    trend = "strong trend" if is_strong else "no strong trend"
    return (
        f"1/5 market ({timeframe}): RSI {state.rsi:.1f}, MACD histogram {state.macd_hist:+.6g}, "
        f"ATR {state.atr_pct:.2f}%, ADX {state.adx:.1f}: {state.regime}, {trend}"
    )


def sizing_step(stake: Stake, account: AccountState, plan: Plan, currency: str) -> str:
    split = "/".join(f"{share:g}" for share in plan.shares)
    return (
        f"2/5 sizing: balance {money(account.balance, currency)}, {account.open_positions} open, "
        f"{account.winners} won and {account.losers} lost of late: "
        f"stake {digits(stake.stake_amount)} {currency}, sold {split} | {stake.reason} | {plan.reasons[1]}"
    )


def levels_step(plan: Plan) -> str:
    return f"3/5 levels: entry {rate_text(plan.entry_rate)}, {_levels(plan)} | {plan.reasons[2]}"


def monitoring_step(plan: Plan) -> str:
    chunks = ", ".join(
        f"{share:g}% at {rate_text(rate)} (tp{number})"
        for number, (share, rate) in enumerate(zip(plan.shares, plan.target_rates, strict=True), 1)
        if share
    )
    way_out = "buys back" if plan.is_short else "sells"
    return (
        f"5/5 monitoring: anchored to {rate_text(plan.entry_rate)}, {way_out} all at the stop "
        f"{rate_text(plan.stop_rate)}, {chunks}"
    )


def fill_text(fill: Mapping[str, Any], base: str, quote: str) -> str:
    """
    Word what an order got: `Filled 0.00143 BTC at 104,879.58 (target 104,878.47, ...), fee 0.15`.

    :param fill: record of an order as the engine's `fill_record` gives it.
    """
    asked = "" if fill["filled"] == fill["requested"] else f" of {digits(fill['requested'])}"
    details = [f"target {rate_text(fill['decision_rate'])}", fill_summary(fill)]
    filled = f"Filled {digits(fill['filled'])}{asked} {base}"
    text = f"{filled} at {rate_text(fill['average'])} ({', '.join(details)})"
    cost, currency = fill.get("fee_cost"), fill.get("fee_currency")
    if cost is None:
        return text
    if currency == base:
        return f"{text}, fee {fee_text(cost * fill['average'])}"
    return f"{text}, fee {fee_text(cost)}" if currency == quote else f"{text}, fee {digits(cost)} {currency}"


def fill_summary(fill: Mapping[str, Any]) -> str:
    """Word how well an order was filled: `slippage 0.001 %, 1 level, 153 ms`."""
    details = [f"slippage {fill['slippage_bps'] / 100:z.3f} %"]
    if fill.get("levels"):
        details.append(f"{fill['levels']} level{'s' if fill['levels'] > 1 else ''}")
    if fill.get("entry_latency_ms") is not None:
        details.append(f"{fill['entry_latency_ms']:.0f} ms")
    return ", ".join(details)


def _levels(plan: Plan) -> str:
    sign, away = ("+", "-") if plan.is_short else ("-", "+")
    targets = ", ".join(
        f"TP{number} {rate_text(rate)} ({away}{percent:g}%)"
        for number, (rate, percent) in enumerate(zip(plan.target_rates, plan.target_percents, strict=True), 1)
    )
    return f"stop {rate_text(plan.stop_rate)} ({sign}{plan.stop_percent:.1f}%), {targets}"
