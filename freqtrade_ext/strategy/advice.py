"""What of a freqtrade configuration the plan replaces, and what of it matters to true fills, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.in_front import RULES, names_of


def stake_limit(own: Mapping[str, Any]) -> float | None:
    """Return the stake that a configuration names as a number, in stake currency."""
    stake = own.get("stake_amount")
    return float(stake) if isinstance(stake, int | float) and not isinstance(stake, bool) else None


def replaced(own: Mapping[str, Any], settings: Settings) -> list[str]:
    """
    Return a line for each value of a configuration that does not count under the plan.

    :param own: the configuration before the strategy's values go into it.
    """
    names = sorted(RULES.keys() - names_of(settings))
    lines = [
        f"{name} {own[name]} of the configuration does not count: by the plan it is {RULES[name]}"
        for name in names
        if own.get(name, RULES[name]) != RULES[name]
    ]
    if stake_limit(own) is not None:
        least = f"{settings.min_position:g} {own.get('stake_currency', '')}"
        lines.append(f"positions have a size of their own, {least} at least (freqtrade_ext.min_position)")
    most = own.get("max_open_trades") or 0
    if settings.max_positions < most < math.inf:
        limit = f"{settings.max_positions} positions are open at once (freqtrade_ext.max_positions)"
        lines.append(f"max_open_trades {most} of the configuration is not reached: at most {limit}")
    return lines + balance_advice(own, settings)


def balance_advice(own: Mapping[str, Any], settings: Settings) -> list[str]:
    """Return why an account that looks large enough cannot open a position."""
    wallet, ratio = own.get("dry_run_wallet"), own.get("tradable_balance_ratio", 0.99)
    if not isinstance(wallet, int | float) or not wallet * ratio < settings.min_position <= wallet:
        return []
    return [
        f"tradable_balance_ratio {ratio:g} leaves {wallet * ratio:g} of the {wallet:g} in dry_run_wallet, "
        f"less than the {settings.min_position:g} of a position (freqtrade_ext.min_position): set it to 1.0"
    ]


def matters(own: Mapping[str, Any]) -> list[str]:
    """Return a line for each value of a configuration on which true fills depend more than stock ones."""
    lines = []
    if own.get("initial_state") != "running":
        lines.append('initial_state is not "running": the bot starts stopped and waits for a command')
    kinds = own.get("order_types") or {}
    if limits := [name for name in ("entry", "exit") if kinds.get(name) == "limit"]:
        lines.append(
            f"order_types makes {' and '.join(limits)} limit orders, whatever the strategy says. They "
            "queue and may stay unfilled until unfilledtimeout; stock dry-run fills them once the rate is "
            "touched"
        )
    for name in ("entry_pricing", "exit_pricing"):
        side = (own.get(name) or {}).get("price_side", "same")
        if side not in ("other", "ask" if name == "entry_pricing" else "bid"):
            lines.append(
                f'{name}.price_side "{side}" decides by the own side of the book: market orders pay the '
                'spread on top, as slippage. "other" decides by the rate that they get'
            )
    throttle = (own.get("internals") or {}).get("process_throttle_secs", 5)
    if throttle > 1:
        lines.append(
            f"internals.process_throttle_secs {throttle} (freqtrade's default is 5) is how often the bot "
            "looks; without the live feed a stop or target is met that much later"
        )
    return lines
