"""Keep an order book from the exchange's snapshot, its differences and its best bid/ask stream."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal, NamedTuple

from freqtrade_ext.fills.book import BuySell, Level

RawLevel = Sequence[str] | Sequence[float]
"""(rate, amount) as the exchange writes it"""
BUFFERED_DIFFS = 1000
"""differences kept while the snapshot is awaited; older ones cannot be needed within 100 s at 100 ms each"""

SPARE_LEVELS = 1000
"""a side is purged once it exceeds twice its size at the last purge plus this"""


class Top(NamedTuple):
    """One message of the best bid/ask stream."""

    update_id: int
    bid: float
    bid_amount: float
    ask: float
    ask_amount: float

    def level(self, side: BuySell) -> Level:
        """Level that an order of this side takes from first."""
        return (self.ask, self.ask_amount) if side == "buy" else (self.bid, self.bid_amount)


class _Side:
    """
    Levels of one side, sorted only when read: most updates concern levels that are never read.

    Rates and amounts stay as the exchange wrote them, and amounts of 0 stay too, until then.
    """

    __slots__ = ("_amounts", "_keys", "_sign", "_size_limit", "_written")

    def __init__(self, sign: Literal[1, -1]) -> None:
        self._sign = sign
        self.replace(())

    def replace(self, levels: Iterable[RawLevel]) -> None:
        self._amounts: dict[str | float, str | float] = dict(levels)  # type: ignore[arg-type]
        self._keys: list[float] = []
        """`sign` * rate, ascending: the best level is last, at the end where lists change cheaply"""
        self._written: dict[float, str | float] = {}
        """the rate of each key as the exchange wrote it"""
        self._size_limit = 2 * len(self._amounts) + SPARE_LEVELS

    def update(self, levels: Iterable[RawLevel]) -> None:
        """Set the levels' amounts; 0 removes a level, and may name one that is not there."""
        self._amounts.update(levels)  # type: ignore[arg-type]
        if len(self._amounts) > self._size_limit:
            self.replace([(rate, amount) for rate, amount in self._amounts.items() if float(amount)])  # type: ignore[misc]

    def _order(self) -> None:
        amounts, keys, written = self._amounts, self._keys, self._written
        if unordered := len(amounts) - len(keys):
            # a dict keeps its order of insertion, so what is not ordered yet is at its end
            for rate in list(islice(reversed(amounts), unordered)):
                key = self._sign * float(rate)
                if key in written:
                    amounts[written[key]] = amounts.pop(rate)
                    continue
                written[key] = rate
                if keys:
                    insort(keys, key)
            if not keys:
                keys.extend(sorted(written))
        while keys and not float(amounts[written[keys[-1]]]):
            del amounts[written.pop(keys.pop())]

    def levels(self, behind: float | None) -> Iterator[Level]:
        """Yield best first; only what is worse than the rate `behind`, if given."""
        self._order()
        sign, keys = self._sign, self._keys
        start = len(keys) if behind is None else bisect_left(keys, sign * behind)
        for position in range(start - 1, -1, -1):
            key = keys[position]
            amount = float(self._amounts[self._written[key]])
            if amount:
                yield sign * key, amount


class LocalBook:
    """
    One pair's book by the procedure of Binance's "How to manage a local order book correctly".

    Differences are buffered until the snapshot comes. Those with a last update id <= the snapshot's are
    dropped, the first one used must cover the id after the snapshot's, each later one must start right
    after the one before it. A gap makes the book wait for another snapshot: see `lost`.

    The best bid/ask stream is newer than the 100 ms differences. Update ids, not clocks, say whether: a
    message with a higher id than the book's replaces the top, and levels better than it are gone.
    """

    def __init__(self) -> None:
        self.update_id = -1
        """last update id of the snapshot and the differences"""
        self.lost: str | None = "no snapshot yet"
        """why the book cannot be used and needs a snapshot; None while it is in step with the exchange"""
        self.top: Top | None = None
        """newest message of the best bid/ask stream"""
        self._bids, self._asks = _Side(1), _Side(-1)
        self._buffer: deque[tuple[int, int, Iterable[RawLevel], Iterable[RawLevel]]] = deque(
            maxlen=BUFFERED_DIFFS
        )

    def snapshot(self, update_id: int, bids: Iterable[RawLevel], asks: Iterable[RawLevel]) -> None:
        """Start from a REST snapshot, then use the buffered differences that go on from it."""
        if self.lost is None and update_id <= self.update_id:
            return
        self.update_id = update_id
        self._bids.replace(bids)
        self._asks.replace(asks)
        self.lost = None
        buffered = list(self._buffer)
        self._buffer.clear()
        for diff in buffered:
            self.diff(*diff)

    def diff(self, first_id: int, last_id: int, bids: Iterable[RawLevel], asks: Iterable[RawLevel]) -> bool:
        """
        Use a difference, or buffer it while a snapshot is awaited.

        :param first_id: `U`, the first update id it covers.
        :param last_id: `u`, the last one.
        :return: whether the book is in step with the exchange after it.
        """
        if self.lost is None and last_id <= self.update_id:
            return True
        if self.lost is None and first_id > self.update_id + 1:
            self.lost = f"gap: update {self.update_id + 1} expected, the next difference starts at {first_id}"
        if self.lost is not None:
            self._buffer.append((first_id, last_id, bids, asks))
            return False
        self._bids.update(bids)
        self._asks.update(asks)
        self.update_id = last_id
        return True

    def best(self, top: Top) -> None:
        """Use a message of the best bid/ask stream; one older than the newest is ignored."""
        if self.top is None or top.update_id > self.top.update_id:
            self.top = top

    def own_top(self) -> Top:
        """Return the best levels by snapshot and differences alone; an empty side's is 0 x 0."""
        bid, ask = (next(side.levels(None), (0.0, 0.0)) for side in (self._bids, self._asks))
        return Top(self.update_id, *bid, *ask)

    def levels(self, side: BuySell) -> Iterator[Level]:
        """Yield the levels that an order of this side takes from, best first; a newer top is spliced in."""
        return self.levels_under(self.top, side)

    def levels_under(self, top: Top | None, side: BuySell) -> Iterator[Level]:
        """As `levels`, with a given message of the best bid/ask stream in place of the newest."""
        levels = self._asks if side == "buy" else self._bids
        if top is None or top.update_id <= self.update_id:
            return levels.levels(None)
        best = top.level(side)
        return chain((best,), levels.levels(best[0]))

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid reaches the best ask, which happens in no true book."""
        bid, ask = next(self.levels("sell"), None), next(self.levels("buy"), None)
        return bid is not None and ask is not None and bid[0] >= ask[0]
