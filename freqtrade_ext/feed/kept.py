"""The books of a pair's differences, kept for orders that rest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from freqtrade_ext.fills.book import Book

KEEP_SECONDS = 60
"""books are kept until they were not asked for this long"""
BOOKS_KEPT = 3_000
"""five minutes of Binance's differences, some 10 MB for a pair"""


@dataclass(slots=True)
class _Kept:
    depth: int
    asked: float = 0.0
    """monotonic seconds of the last question"""
    books: deque[Book] = field(default_factory=lambda: deque(maxlen=BOOKS_KEPT))


class KeptBooks:
    """Keeps the books of a pair from the first question on, and for as long as it is repeated."""

    def __init__(self, read: Callable[[str, int], Book | None]) -> None:
        """:param read: returns a pair's book as it is now, so many levels a side."""
        self._read = read
        self._kept: dict[str, _Kept] = {}

    def since(self, pair: str, depth: int, since_ms: int | None) -> list[Book]:
        """Return the books that the exchange stamped later than this, oldest first."""
        kept = self._kept.setdefault(pair, _Kept(depth))
        kept.asked = time.monotonic()
        return [book for book in kept.books if since_ms is not None and (book.stamp_ms or 0) > since_ms]

    def keep(self, pair: str, stamp_ms: int | None) -> None:
        """
        Keep the book after a difference, if somebody asks for it.

        :param stamp_ms: of the newest difference; the best bid/ask stream alone makes no new book.
        """
        kept = self._kept.get(pair)
        if kept is None:
            return
        if time.monotonic() - kept.asked > KEEP_SECONDS:
            del self._kept[pair]
        elif stamp_ms != (kept.books[-1].stamp_ms if kept.books else None):
            book = self._read(pair, kept.depth)
            kept.books.extend([book] if book else [])
