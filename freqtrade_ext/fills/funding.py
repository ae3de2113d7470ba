"""Funding: what open positions pay each other at set times, on perpetual futures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple


class FundingRate(NamedTuple):
    """One funding time of a pair."""

    time_ms: int
    rate: float
    """ratio of the position's value; longs pay a positive one to shorts"""
    mark: float
    """mark price at that time, quote per base"""


class Funding:
    """
    The fundings of each pair since its position was opened.

    Rates are known only some time after they were due, and fills may be read late. So the changes of a
    position are kept until its funding times up to then are settled: each is paid on what was held then.
    """

    def __init__(self) -> None:
        self._settled_ms: dict[str, int] = {}
        self._moves: dict[str, list[tuple[int, Decimal]]] = {}
        """changes of the position since, base units"""
        self._paid: dict[str, list[tuple[int, Decimal]]] = {}
        """(time, quote units received, negative where paid)"""

    def moved(self, pair: str, time_ms: int, amount: Decimal, held_before: Decimal) -> None:
        """Note a change of a position; one that opens it begins a new count."""
        if not held_before and not self._moves.get(pair):
            self._settled_ms[pair] = time_ms - 1
            self._paid[pair] = []
        self._moves.setdefault(pair, []).append((time_ms, amount))

    def since_ms(self, pair: str) -> int | None:
        """Return the time up to which a pair is settled; None where there is nothing to settle."""
        return self._settled_ms.get(pair)

    def begin(self, pair: str, time_ms: int) -> None:
        """Start the count of a position that was opened before fundings were kept."""
        self._settled_ms.setdefault(pair, time_ms)

    def settle(
        self, pair: str, held: Decimal, rates: Sequence[FundingRate], until_ms: int
    ) -> list[tuple[int, Decimal]]:
        """
        Return the payments of these funding times, quote units, negative where paid.

        :param held: the position now, base units, negative when short.
        :param until_ms: no rates are missing up to this time.
        """
        settled = self._settled_ms[pair]
        moves = self._moves.get(pair, [])
        payments = []
        for due in sorted(rates):
            if due.time_ms > settled:
                then = held - sum((amount for ms, amount in moves if ms > due.time_ms), Decimal(0))
                paid = -then * Decimal(repr(due.mark)) * Decimal(repr(due.rate))
                payments.append((due.time_ms, paid))
        self._paid.setdefault(pair, []).extend(payments)
        self._settled_ms[pair] = max(settled, until_ms)
        self._moves[pair] = [(ms, amount) for ms, amount in moves if ms > self._settled_ms[pair]]
        if not held and not self._moves[pair]:
            self._settled_ms.pop(pair)
        return payments

    def received(self, pair: str, after_ms: int, until_ms: float = math.inf) -> float:
        """Return the sum of a pair's payments in a time, quote units, negative where paid."""
        payments = (paid for ms, paid in self._paid.get(pair, []) if after_ms < ms <= until_ms)
        return float(sum(payments, Decimal(0)))

    @property
    def pairs(self) -> list[str]:
        """All that may have something to settle."""
        return list(self._settled_ms)

    def to_json(self) -> dict[str, Any]:
        return {
            "settled_ms": self._settled_ms,
            "moves": {pair: [[ms, str(a)] for ms, a in moves] for pair, moves in self._moves.items()},
            "paid": {pair: [[ms, str(a)] for ms, a in paid] for pair, paid in self._paid.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Restore what `to_json` returned."""
        self._settled_ms = dict(data["settled_ms"])
        self._moves, self._paid = (
            {pair: [(ms, Decimal(a)) for ms, a in rows] for pair, rows in data[name].items()}
            for name in ("moves", "paid")
        )
