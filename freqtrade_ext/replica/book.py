"""One side of an order book: what others display, and the test account's orders queueing among them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice


@dataclass(slots=True, eq=False)
class Resting:
    """An order of the test account on the book; rates and amounts in units of 1e-8."""

    order_id: int
    rate: int
    left: int
    ahead: int = 0
    """amount of others with priority over it at its rate"""


@dataclass(frozen=True, slots=True)
class Match:
    """An aggressor met a maker."""

    rate: int
    amount: int
    order_id: int | None
    """the test account's order that was hit; None for others'"""


class BookSide:
    """Levels of one side, best first. Others' amounts are one number a level, own orders queue among them."""

    def __init__(self, sign: int) -> None:
        """:param sign: 1 for asks, -1 for bids; times it, rates ascend from the best."""
        self._sign = sign
        self._keys: list[int] = []
        self._others: dict[int, int] = {}
        self._resting: dict[int, list[Resting]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def best(self) -> int | None:
        return self._keys[0] * self._sign if self._keys else None

    def rate_at(self, index: int) -> int:
        return self._keys[index] * self._sign

    def rates(self) -> Iterator[int]:
        return (key * self._sign for key in self._keys)

    def others(self, rate: int) -> int:
        return self._others.get(rate, 0)

    def amount(self, rate: int) -> int:
        """Return what the level displays, own orders included."""
        amount = self._others.get(rate, 0)
        for order in self._resting.get(rate, ()):
            amount += order.left
        return amount

    def levels(self, limit: int | None = None) -> list[tuple[int, int]]:
        """(rate, amount displayed), best first."""
        return [(rate, self.amount(rate)) for rate in islice(self.rates(), limit)]

    def reaches(self, rate: int, limit: int) -> bool:
        """Return whether an aggressor with this limit would take a level at this rate."""
        return rate * self._sign <= limit * self._sign

    def put(self, rate: int, amount: int) -> None:
        """Set what others display at a rate. Cancels are taken from behind own orders first."""
        was_shown = rate in self._others
        if amount > 0:
            self._others[rate] = amount
        elif was_shown:
            del self._others[rate]
        if rate in self._resting:
            for order in self._resting[rate]:
                order.ahead = min(order.ahead, max(amount, 0))
        elif was_shown is not (amount > 0):
            self._index(rate)

    def show(self, levels: Mapping[int, int]) -> list[int]:
        """
        Set what others display at several rates.

        :param levels: amounts by rate.
        :return: the rates where that is something new.
        """
        others = self._others
        changed = [rate for rate, amount in levels.items() if amount != others.get(rate, 0)]
        for rate in changed:
            self.put(rate, levels[rate])
        return changed

    def join(self, order: Resting) -> None:
        """Queue an own order behind all that is displayed at its rate."""
        order.ahead = self.others(order.rate)
        self._resting.setdefault(order.rate, []).append(order)
        self._index(order.rate)

    def leave(self, order: Resting) -> None:
        """Remove an own order from the book."""
        queue = self._resting.get(order.rate, [])
        queue.remove(order)
        if not queue:
            self._resting.pop(order.rate, None)
        self._index(order.rate)

    @property
    def holds_own(self) -> bool:
        return bool(self._resting)

    def resting(self) -> list[Resting]:
        return [order for queue in self._resting.values() for order in queue]

    def take(self, amount: int, limit: int | None = None) -> list[Match]:
        """Match an aggressor with the levels, best first, by price-time priority."""
        matches: list[Match] = []
        while amount > 0 and self._keys:
            rate = self._keys[0] * self._sign
            if limit is not None and not self.reaches(rate, limit):
                break
            level = self.take_at(rate, amount)
            matches += level
            amount -= sum(m.amount for m in level)
        return matches

    def take_at(self, rate: int, amount: int) -> list[Match]:
        """Match an aggressor with the queue of one level."""
        matches: list[Match] = []
        for order in tuple(self._resting.get(rate, ())):
            amount -= self._take_others(rate, min(amount, order.ahead), matches)
            taken = min(amount, order.left)
            if order.ahead == 0 and taken > 0:
                order.left -= taken
                amount -= taken
                matches.append(Match(rate, taken, order.order_id))
                if order.left == 0:
                    self.leave(order)
        self._take_others(rate, min(amount, self.others(rate)), matches)
        self._index(rate)
        return matches

    def _take_others(self, rate: int, amount: int, matches: list[Match]) -> int:
        if amount <= 0:
            return 0
        for order in self._resting.get(rate, ()):
            order.ahead = max(0, order.ahead - amount)
        left = self._others[rate] - amount
        if left:
            self._others[rate] = left
        else:
            del self._others[rate]
        matches.append(Match(rate, amount, None))
        return amount

    def _index(self, rate: int) -> None:
        """Keep the sorted keys in step with whether anything is displayed at the rate."""
        key = rate * self._sign
        at = bisect_left(self._keys, key)
        known = at < len(self._keys) and self._keys[at] == key
        shown = rate in self._others or rate in self._resting
        if shown and not known:
            self._keys.insert(at, key)
        elif known and not shown:
            del self._keys[at]
