"""Numbers as people read them."""

from __future__ import annotations

import math


def money(value: float, currency: str) -> str:
    """
    Word an amount of the stake currency.

    :param currency: dollar-like ones (USD, USDT, USDC ...) are shown as `$`.
    :return: `$167`, `$5.83`, `0.0125 BTC`.
    """
    if "USD" not in currency:
        return f"{value:,.8g} {currency}"
    if not -1e9 < value < 100:
        return f"${value:,.0f}"
    # downwards, so that 99.999 is not worded as the 100 it fails to reach
    cents = math.floor(value * 100 + 1e-9) / 100
    return f"${cents:.0f}" if cents.is_integer() else f"${cents:.2f}"


def rate_text(rate: float) -> str:
    """Word a rate (quote per base) with two decimals, more where it is small: `104,878.48`, `0.00001234`."""
    if rate >= 1000 or rate <= 0:
        return f"{rate:,.2f}"
    decimals = 5 - math.floor(math.log10(rate))
    whole, _, fraction = f"{rate:.{decimals}f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
