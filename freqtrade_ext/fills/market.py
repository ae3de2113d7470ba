"""What the engine needs of the world: an exchange to look at, and a place to keep its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from freqtrade_ext.fills.book import Book, BuySell
from freqtrade_ext.fills.filters import Filters
from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle
from freqtrade_ext.fills.queue import Print


class Cursor(NamedTuple):
    """How far the tape was read: the last print's time and the ids of the prints of that time."""

    time_ms: int
    ids: tuple[str, ...]


NO_MARGIN = MarginRules()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the exchange demands on a pair."""

    filters: Filters
    maker: float
    """fee ratio"""
    taker: float
    """fee ratio"""
    contract_size: float = 1.0
    """base units per contract; amounts of the filters are in contracts"""
    margin: MarginRules = NO_MARGIN
    """what futures demand of a position"""


class MarketAccess(Protocol):
    """The exchange as the engine sees it: `venue.Venue` over freqtrade, and plain values in tests."""

    depths: tuple[int, ...]
    """order book depths that can be asked for, rising"""

    def now_ms(self) -> int: ...
    def sleep_ms(self, duration: float) -> None: ...
    def round_trips_ms(self) -> Sequence[float]:
        """Return what the last requests to the exchange took, there and back; empty where it is unknown."""
        ...

    def book(self, pair: str, depth: int) -> Book: ...
    def books(self, pair: str, since_ms: int | None) -> list[Book]:
        """Return the books of the feed's differences after this exchange time, and the book as it is now."""
        ...

    def prints(self, pair: str, since: Cursor | None) -> tuple[list[Print], Cursor]:
        """Return the prints after the cursor and the new cursor; without one, just the latest print."""
        ...

    def rules(self, pair: str) -> Rules: ...
    def is_open(self, pair: str) -> bool:
        """Return whether orders are taken: not while trading is halted, or ends."""
        ...

    def average_rate(self, pair: str) -> float:
        """Return the rate that the exchange measures market orders and price bands by."""
        ...

    def execution_range(self, pair: str, side: BuySell) -> tuple[float, float]:
        """Return the lowest and the highest rate at which an order of this side may take now."""
        ...

    def bnb_rate(self, quote: str) -> float | None: ...
    def fundings(self, pair: str, since_ms: int) -> list[FundingRate]:
        """Return the funding times after this one whose rates are known, oldest first."""
        ...

    def marks(self, pair: str, since_ms: int) -> list[MarkCandle]:
        """Return the minutes of the mark price from the one of this time on, oldest first."""
        ...


class Store(Protocol):
    """Where the state survives a restart: `store.DatabaseStore`, or a dict in tests."""

    def load(self) -> Mapping[str, Any]:
        """Return what is needed at a start: the account, the pairs and at least the open orders."""
        ...

    def find(self, key: str) -> Any:
        """Return one saved value, None where there is none."""
        ...

    def save(self, values: Mapping[str, Any]) -> None: ...
