"""What an execution costs in fees, and in which asset."""

from __future__ import annotations

from dataclasses import dataclass

from freqtrade_ext.fills.book import BuySell
from freqtrade_ext.settings import FeeAsset


@dataclass(frozen=True, slots=True)
class Fee:
    currency: str
    cost: float
    """units of `currency`"""
    value: float
    """quote units"""


def fee_for(
    side: BuySell,
    amount: float,
    cost: float,
    rate: float,
    base: str,
    quote: str,
    paid_in: FeeAsset,
    *,
    bnb_rate: float | None = None,
    bnb_free: float = 0.0,
    bnb_discount: float = 0.25,
) -> Fee:
    """
    Return the fee of one execution.

    Binance takes commission from the asset received, or from BNB at a discount while enough of it is
    there (https://www.binance.com/en/fee/trading); other venues may always take the quote currency.

    :param amount: executed, base units.
    :param cost: executed, quote units.
    :param rate: fee ratio, e.g. 0.001.
    :param bnb_rate: quote units per BNB; None where unknown, then BNB is not used.
    :param bnb_free: BNB that may be spent.
    """
    value = cost * rate
    if paid_in == "bnb" and bnb_rate is not None:
        discounted = value * (1 - bnb_discount)
        if discounted / bnb_rate <= bnb_free:
            return Fee("BNB", discounted / bnb_rate, discounted)
    if side == "buy" and paid_in != "quote":
        return Fee(base, amount * rate, value)
    return Fee(quote, value, value)
