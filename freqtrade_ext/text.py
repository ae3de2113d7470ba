"""Format numbers for people, and read numbers from stored values."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any


def is_dollar(currency: str) -> bool:
    """Return whether the currency is worth a dollar by its name: USD, USDT, USDC, FDUSD ..."""
    return "USD" in currency


def digits(value: float) -> str:
    """Format to 8 significant digits and never with an exponent: `0.0125`, `357,142,860`, `0.000000012`."""
    text = f"{Decimal(f'{value:.8g}'):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def fee_text(value: float) -> str:
    """Format a fee to two decimals, or to two significant digits where it is less than 0.1: `0.0000014`."""
    decimals = 2 if not 0 < abs(value) < 0.1 else 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{decimals}f}"


def money(value: float, currency: str) -> str:
    """
    Format an amount of the stake currency.

    :param currency: dollar-like ones (USD, USDT, USDC ...) are shown as `$`.
    :return: `$167`, `$5.83`, `0.0125 BTC`.
    """
    if not is_dollar(currency):
        return f"{digits(value)} {currency}"
    if not -1e9 < value < 100:
        return f"${value:,.0f}"
    # rounded down, so that 99.999 is not shown as 100
    cents = math.floor(value * 100 + 1e-9) / 100
    return f"${cents:.0f}" if cents.is_integer() else f"${cents:.2f}"


def rate_text(rate: float) -> str:
    """Format a rate (quote per base) with two decimals, or more if small: `104,878.48`, `0.00001234`."""
    if rate >= 1000 or rate <= 0:
        return f"{rate:,.2f}"
    decimals = 5 - math.floor(math.log10(rate))
    whole, _, fraction = f"{rate:.{decimals}f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def number(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # JSON knows no largest integer
        return None
