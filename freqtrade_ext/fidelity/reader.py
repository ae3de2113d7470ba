"""
What a recording tells a reader of orders of their own size.

Each bound is made on the first half of the recording and checked on the second.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.fills.book import walk

DEFAULT_STAKE = 150.0
"""quote units: a position of the default settings on a balance of 500"""
CONFIDENCE = 0.95
NEEDED = 100
"""observations in each half, below which nothing is said"""
ALIKE = 3.0
"""orders from a third of the stake to three times it count as ones of its size"""
FEE = 0.001
"""of the lowest tier of most spot markets"""
DEAR_BPS = 10.0
"""a round trip pays fees of 20 basis points; an order that costs half of that is too large for its book"""


class Reader:
    """Collects what one pair's recording tells about orders of a stake, in the order of the recording."""

    def __init__(self, stake: float) -> None:
        """:param stake: quote units."""
        self._stake = stake
        self._errors = array("d")
        """bps, of orders alike in size"""
        self._costs = array("d")
        """bps against the middle that a market order of the stake costs; infinite where the book ends"""
        self._rooms = array("d")
        """quote units of the largest market order that costs `DEAR_BPS` at most"""
        self._middles = array("d")
        self._decimals = self._amounts = 0
        """most decimals of the amounts traded, and how many there were"""

    def order(self, sweep: Sweep, value: float, predicted: float) -> None:
        """Take an order of somebody else's, and the average rate that was predicted for it."""
        if self._stake / ALIKE <= value <= self._stake * ALIKE:
            paid = sweep.cost / sweep.amount
            self._errors.append(1e4 * sweep.sign * (paid - predicted) / paid)

    def amount(self, written: Any) -> None:
        """Take the amount of a print, as the exchange wrote it."""
        self._amounts += 1
        self._decimals = max(self._decimals, len(str(written).rstrip("0").partition(".")[2]))

    def look(self, book: LocalBook) -> None:
        """Look what the stake would cost on the book as it is, on both sides."""
        bid, ask = (next(book.levels_under(None, side), None) for side in ("sell", "buy"))
        if bid is None or ask is None:
            return
        middle = (bid[0] + ask[0]) / 2
        self._middles.append(middle)
        for side in ("buy", "sell"):
            walked = walk(book.levels_under(None, side), self._stake / middle, side)
            cost_bps = math.inf if walked.stopped else 1e4 * abs(walked.average / middle - 1)
            self._costs.append(cost_bps)
            self._rooms.append(room(book.levels_under(None, side), middle))

    def figures(self) -> dict[str, Any]:
        """
        Return what was found, as plain values; a part without enough observations is None.

        `room` has minus signs: its bound is one from below.
        """
        return {
            "stake": self._stake,
            "orders": len(self._errors),
            "price": _bound(np.abs(np.array(self._errors)), _bps_up),
            "looks": len(self._middles),
            "cost": _bound(np.array(self._costs), _bps_up),
            "room": _bound(-np.array(self._rooms), _smaller),
            "lot": 10.0**-self._decimals if self._amounts >= NEEDED else None,
            "left_ratio": self._left_ratio(),
        }

    def _left_ratio(self) -> float | None:
        """Return the part of the stake that whole lots leave unsold, where the fee is paid in the coin."""
        if self._amounts < NEEDED or len(self._middles) < NEEDED:
            return None
        lot, rates = 10.0**-self._decimals, np.array(self._middles)
        bought = np.floor(self._stake / rates / lot + 1e-9) * lot
        held = bought * (1 - FEE)
        return float(((held - np.floor(held / lot + 1e-9) * lot) * rates).mean() / self._stake)


def room(levels: Any, middle: float) -> float:
    """
    Return the quote units of the largest market order that costs at most `DEAR_BPS` against the middle.

    :param levels: the side that it takes from, best first.
    """
    value = over = 0.0
    for rate, amount in levels:
        dearness = abs(rate / middle - 1) - DEAR_BPS / 1e4
        # `over` is by how much the average misses the limit times the amount, negative while there is room
        if over + dearness * amount > 0:
            return value - over / dearness * rate
        over += dearness * amount
        value += rate * amount
    return value


def _bound(sizes: Any, rounded: Callable[[float], float]) -> dict[str, float] | None:
    """
    Return what `CONFIDENCE` of the first half do not exceed, with the share of the second half that keeps it.

    The bound is the split conformal one (Vovk et al. 2005): of n observations the ceil(0.95 * (n + 1))-th.

    :param rounded: makes of it the bound that is printed, and so checked.
    """
    first, second = np.array_split(sizes, 2)
    if min(len(first), len(second)) < NEEDED:
        return None
    bound = rounded(float(np.sort(first)[math.ceil(CONFIDENCE * (len(first) + 1)) - 1]))
    return {
        "bound": bound,
        "median": rounded(float(np.median(first))),
        "coverage": float((second <= bound).mean()),
        "n": len(first),
        "n_checked": len(second),
    }


def _bps_up(value: float) -> float:
    """Round up to a hundredth of a basis point."""
    return math.ceil(value * 100 - 1e-9) / 100 if math.isfinite(value) else value


def _smaller(value: float) -> float:
    """Round what is below 0 towards 0, to two significant digits."""
    step = 10.0 ** (math.floor(math.log10(-value)) - 1) if value < 0 else 1.0
    return math.ceil(value / step) * step
