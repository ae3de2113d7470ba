"""What can happen on a market, and what it leaves on its tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

BuySell = Literal["buy", "sell"]
Level = tuple[int, int]
OPPOSITE: dict[BuySell, BuySell] = {"buy": "sell", "sell": "buy"}


@dataclass(frozen=True, slots=True)
class Quotes:
    """Others changed what they display: (rate, new amount at it), 0 to remove the level."""

    ms: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    update_id: int | None = None
    """the exchange's own id of the last change, where it is known"""
    whole: bool = False
    """these are all the levels there are"""


@dataclass(frozen=True, slots=True)
class Take:
    """A stranger's aggressive order; what the book cannot fill within the limit expires."""

    ms: int
    side: BuySell
    amount: int
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class KnownTrade:
    """A trade that is known to have happened; the book's change is known from elsewhere."""

    ms: int
    side: BuySell
    """of the aggressor"""
    rate: int
    amount: int
    trade_id: int | None = None


Happening = Quotes | Take | KnownTrade


@dataclass(frozen=True, slots=True)
class Trade:
    """A print on the tape; rate and amount in units of 1e-8."""

    id: int
    ms: int
    rate: int
    amount: int
    is_buyer_maker: bool


@dataclass(frozen=True, slots=True)
class AggTrade:
    """Prints of one aggressor at one rate."""

    id: int
    first: int
    last: int
    ms: int
    rate: int
    amount: int
    is_buyer_maker: bool
