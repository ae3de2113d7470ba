"""A bot's own real orders, and what is found for them on the recorded market of their time."""

from __future__ import annotations

from dataclasses import dataclass, field

from freqtrade_ext.fills.book import BuySell, Walk
from freqtrade_ext.fills.queue import Queue
from freqtrade_ext.settings import MakerFill

OUTSIDE = "outside the recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOrder:
    """One real order; rates in quote per base, amounts in base units, times in ms since 1970."""

    pair: str
    side: BuySell
    amount: float
    limit: float | None
    """None is a market order"""
    arrival_ms: int
    """by the exchange's clock"""
    decision_ms: float | None
    """by the local clock, right before it was sent; None where nobody noted it"""
    answer_ms: float | None
    """by the local clock, right after the answer to it; None where it is unknown"""
    end_ms: float | None
    """by the local clock; None while it is open"""
    is_done: bool
    """whether it was filled completely"""
    filled_ms: float | None
    """of its last fill, as freqtrade knows it: the exchange's time, or when the bot heard of it"""
    filled: float
    average: float
    """0 where nothing is filled"""
    fee_ratio: float
    fee_currency: str

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def value(self) -> float:
        """Quote units."""
        return self.amount * (self.limit or self.average)


@dataclass(slots=True)
class Outcome:
    """What is found for an order."""

    order: OwnOrder
    why_not: str = OUTSIDE
    """why it cannot be compared; empty where it can"""
    there_ms: float | None = None
    """from the decision to the exchange"""
    back_ms: float | None = None
    drawn: list[float] = field(default_factory=list)
    """average rates of a market order by latencies over the range that paper orders draw from"""
    walked: Walk | None = None
    """what the book held for it on arrival"""
    queue: Queue = field(default_factory=Queue)
    own_left: float = 0.0
    """of the real order, still displayed at its rate; base units"""

    @property
    def resting(self) -> float:
        """Base units that came to rest."""
        return self.order.amount - (self.walked.filled if self.walked else 0.0)

    def filled_by(self, estimate: MakerFill) -> float:
        """Return what an estimate of the queue fills, in base units."""
        place = self.queue.places[estimate]
        return self.order.amount - self.resting + min(place.filled, self.resting)
