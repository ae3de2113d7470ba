"""Remember what our own orders took from the book, so that nothing is filled twice from it."""

from __future__ import annotations

from collections.abc import Sequence

from freqtrade_ext.fills.book import DUST, BuySell, Level


class Ledger:
    """
    What our taker orders took from one pair's book, per (side of our order, rate), in base units.

    The real book never shows our fills, so what we took must be subtracted from every later book. Of a
    level that we took `taken` from, at most what is displayed can still be the amount we took, hence at
    each look `taken = min(taken, displayed)` and `left = displayed - taken`: a level that shrinks gives
    nothing back, and only what is added after its lowest point becomes available again. Amounts that
    come and go between two looks are not seen, and so never given back.
    """

    def __init__(self, taken: dict[BuySell, dict[float, float]] | None = None) -> None:
        self._taken: dict[BuySell, dict[float, float]] = taken or {"buy": {}, "sell": {}}

    def observe(self, side: BuySell, levels: Sequence[Level], *, is_whole: bool = False) -> bool:
        """
        Look at the levels that orders of this side take from, best first.

        A rate inside the displayed range that is not displayed has no amount left; one beyond the
        last level displayed is unknown and stays as it was.

        :param is_whole: nothing lies beyond the levels, so nothing is unknown.
        :return: whether less is taken than before.
        """
        taken = self._taken[side]
        if not taken:
            return False
        before = dict(taken)
        shown = {level[0]: level[1] for level in levels}
        for rate in list(taken):
            if not is_whole and _is_beyond(rate, side, levels):
                continue
            taken[rate] = min(taken[rate], shown.get(rate, 0.0))
            if taken[rate] <= 0:
                del taken[rate]
        return taken != before

    def untaken(self, side: BuySell, levels: Sequence[Level]) -> Sequence[Level]:
        """Return what of the displayed levels is still there for us; none that is nothing."""
        taken = self._taken[side]
        if not taken:
            return levels
        left = ((rate, amount - taken.get(rate, 0.0), amount * DUST) for rate, amount in levels)
        return [(rate, amount) for rate, amount, dust in left if amount > dust]

    def take(self, side: BuySell, fills: Sequence[Level]) -> None:
        """Add the fills of an own taker order."""
        taken = self._taken[side]
        for rate, amount in fills:
            taken[rate] = taken.get(rate, 0.0) + amount

    def to_json(self) -> dict[BuySell, list[Level]]:
        return {side: list(taken.items()) for side, taken in self._taken.items()}

    @classmethod
    def from_json(cls, data: dict[BuySell, list[Level]]) -> Ledger:
        return cls({side: {rate: amount for rate, amount in levels} for side, levels in data.items()})


def _is_beyond(rate: float, side: BuySell, levels: Sequence[Level]) -> bool:
    if not levels:
        return True
    return rate > levels[-1][0] if side == "buy" else rate < levels[-1][0]
