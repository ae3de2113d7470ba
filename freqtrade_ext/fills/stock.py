"""What stock freqtrade's dry-run claims for a market order, to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from freqtrade_ext.fills.book import BuySell, Level

STOCK_LEVELS = 20
"""freqtrade 2026.9 asks for this many (`get_dry_market_fill_price` in `exchange/exchange.py`)"""
STOCK_CLAMP = 0.05
"""largest slippage its dry-run market orders can have (`create_dry_run_order`)"""


def stock_average(
    levels: Iterable[Level],
    amount: float,
    side: BuySell,
    rate: float | None = None,
    digits: int | None = None,
) -> float:
    """
    Return the average that stock freqtrade 2026.9 claims, line by line `Exchange.get_dry_market_fill_price`.

    The last of 20 levels is endless, the average at most 5 % off the rate, and rounded to the tick.

    :param levels: of the opposite side, best first, at least one.
    :param amount: base units.
    :param rate: quote per base that the bot decided on; None takes the best level's.
    :param digits: decimals of the tick; None leaves the average unrounded.
    """
    remaining, value, best, level_rate = amount, 0.0, 0.0, 0.0
    for level_rate, shown in islice(levels, STOCK_LEVELS):
        best = best or level_rate
        if remaining <= 0:
            break
        if remaining < shown:
            value += remaining * level_rate
            break
        value += shown * level_rate
        remaining -= shown
    else:
        value += remaining * level_rate
    average, base = max(value, 0.0) / amount, best if rate is None else rate
    if side == "buy":
        average = min(average, base * (1 + STOCK_CLAMP))
    else:
        average = max(average, base * (1 - STOCK_CLAMP))
    return average if digits is None else round(average, digits)
