"""Find the message of the best bid/ask stream that shows a sweep; rule 3 of the package's docstring."""

from __future__ import annotations

from collections.abc import Iterable

from freqtrade_ext.execute.book import Level

SAME_AMOUNT = 1e-9
"""amounts that differ by less, relative to themselves or to 1, are equal but for float noise"""


def gone_behind(old: float, new: float, left: float, sign: int, levels: Iterable[Level]) -> float:
    """
    Tell how much an order took behind the old best rate when another became the best, in base units.

    :param left: amount now at the new best rate, which may have been taken from too.
    :param sign: 1 for asks, -1 for bids.
    :param levels: the side as the differences tell it, best first.
    """
    gone = 0.0
    for rate, amount in levels:
        if rate == new:
            return gone + max(amount - left, 0.0)
        if sign * rate > sign * new:
            break
        if sign * rate > sign * old:
            gone += amount
    return gone


def run_of(gone: Iterable[float], amount: float) -> tuple[int, int] | None:
    """
    Find the first run of messages across which exactly `amount` is gone.

    :return: positions of its first and last message. Messages that show nothing gone do not break a run.
    """
    tolerance = SAME_AMOUNT * max(1.0, amount)
    runs: list[tuple[int, float]] = []
    for position, part in enumerate(gone):
        if part <= 0:
            continue
        runs.append((position, 0.0))
        runs = [(start, total + part) for start, total in runs if total + part <= amount + tolerance]
        for start, total in runs:
            if total >= amount - tolerance:
                return start, position
    return None
