"""Binance's decimals, held as integers of 1e-8 so that sums of rates and amounts are exact."""

from __future__ import annotations

E8 = 100_000_000


def to_fixed(number: str | float) -> int:
    """
    Read a rate or amount.

    :raises ValueError: where it is no finite number, or has more than eight places that count.
    """
    text = number if isinstance(number, str) else f"{number:.8f}"
    whole, _, places = text.partition(".")
    if places[8:].strip("0"):
        raise ValueError(f"{text!r} has more than eight decimal places")
    value = abs(int(whole or "0")) * E8 + int(places[:8].ljust(8, "0"))
    return -value if text.startswith("-") else value


def to_text(fixed: int) -> str:
    """Write it as Binance does: always eight decimal places."""
    if fixed < 0:
        return f"-{-fixed // E8}.{-fixed % E8:08d}"
    return f"{fixed // E8}.{fixed % E8:08d}"


def cost(rate: int, amount: int) -> int:
    """Quote units that an amount costs at a rate, cut to eight places as Binance cuts them."""
    return rate * amount // E8
