"""The five steps of an entry in words: market data, sizing, levels, execution, monitoring."""

from __future__ import annotations

from collections.abc import Iterator

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.sizing import AccountState, Stake
from freqtrade_ext.tags import target_tag
from freqtrade_ext.text import digits, money, rate_text


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
    chunks = ", ".join(f"{share:g}% {how} ({target_tag(number)})" for number, share, how in ways_out(plan))
    way_out = "buys back" if plan.is_short else "sells"
    return (
        f"5/5 monitoring: anchored to {rate_text(plan.entry_rate)}, {way_out} all at the stop "
        f"{rate_text(plan.stop_rate)}, {chunks}"
    )


def ways_out(plan: Plan) -> Iterator[tuple[int, float, str]]:
    """Return the number, the share in percent and the way of each target that takes one."""
    for number, (share, rate) in enumerate(zip(plan.shares, plan.target_rates, strict=True), 1):
        how = f"at {rate_text(rate)}"
        if number == len(plan.shares) and plan.trail_percent is not None:
            how = f"by a stop {plan.trail_percent:g} % behind the best rate from {rate_text(rate)} on"
        if share:
            yield number, share, how


def _levels(plan: Plan) -> str:
    sign, away = ("+", "-") if plan.is_short else ("-", "+")
    targets = ", ".join(
        f"TP{number} {rate_text(rate)} ({away}{percent:g}%)"
        for number, (rate, percent) in enumerate(zip(plan.target_rates, plan.target_percents, strict=True), 1)
    )
    return f"stop {rate_text(plan.stop_rate)} ({sign}{plan.stop_percent:.1f}%), {targets}"
