"""What an order got: the one record of it, for the log, the trade's custom data and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from freqtrade_ext.text import digits, fee_text, number, rate_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecord:
    """Rates in quote per base, amounts in base units, times in ms since 1970; None is unknown."""

    order_id: str = ""
    pair: str = ""
    side: str = ""
    type: str = ""
    """as freqtrade named it"""
    status: str = ""
    reason: str = ""
    """why it ended without being filled completely"""
    requested: float = 0.0
    filled: float = 0.0
    average: float | None = None
    worst: float | None = None
    """rate of the last book level taken"""
    levels: float = 0
    """book levels taken"""
    decision_rate: float
    """what the bot saw when it decided, or the limit it asked for"""
    mid_rate: float | None = None
    """middle of the book that it decided by; None also for stops on the exchange"""
    decision_ms: float | None = None
    arrival_ms: float | None = None
    book_ms: float | None = None
    """time of the book that the taker part was filled from"""
    book_stamp_ms: float | None = None
    """the exchange's own time of that book, where it came by WebSocket"""
    book_id: float | None = None
    """the exchange's update id of that book, where it is known"""
    entry_latency_ms: float | None = None
    response_latency_ms: float | None = None
    taker_amount: float | None = None
    maker_amount: float | None = None
    fee_cost: float | None = None
    """units of `fee_currency`"""
    fee_currency: str = ""
    fee_rate: float | None = None
    """ratio of the fee's value to the order's cost"""
    fees: Mapping[str, Any] = field(default_factory=dict)
    """currency -> units: all that was paid, also where BNB ran out halfway"""
    stock_average: float | None = None
    """what stock freqtrade's dry-run would have claimed on the same book; market orders only"""
    would_fill: Mapping[str, Any] = field(default_factory=dict)
    """of a resting order: estimate -> `filled` by it (base units) and `filled_ms` (when it did so last)"""

    @property
    def slippage_bps(self) -> float | None:
        """Average against the rate decided on, in basis points; positive is worse for us."""
        if self.average is None or not self.filled:
            return None
        sign = 1 if self.side == "buy" else -1
        return 1e4 * sign * (self.average - self.decision_rate) / self.decision_rate

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, and the slippage for people to read."""
        return {**asdict(self), "slippage_bps": self.slippage_bps}

    @classmethod
    def from_json(cls, stored: Any) -> FillRecord | None:
        """Read a stored record, of any version; None where it has no rate that was decided on."""
        if not isinstance(stored, Mapping):
            return None
        values: dict[str, Any] = {}
        for f in fields(cls):
            value = stored.get(f.name)
            if f.type == "str":
                values[f.name] = "" if value is None else str(value)
            elif f.name in ("fees", "would_fill"):
                values[f.name] = value if isinstance(value, Mapping) else {}
            elif (finite := number(value)) is not None:
                values[f.name] = finite
        return cls(**values) if values.get("decision_rate", 0.0) > 0 else None

    def words(self, base: str, quote: str) -> str:
        """Return `Filled 0.00143 BTC at 104,879.58 (target 104,878.47, ...), fee 0.15`."""
        if self.average is None:
            return f"Filled nothing of {digits(self.requested)} {base}"
        asked = "" if self.filled == self.requested else f" of {digits(self.requested)}"
        details = f"target {rate_text(self.decision_rate)}, {self.summary()}"
        text = f"Filled {digits(self.filled)}{asked} {base} at {rate_text(self.average)} ({details})"
        if self.fee_cost is None:
            return text
        if self.fee_currency == base:
            return f"{text}, fee {fee_text(self.fee_cost * self.average)}"
        if self.fee_currency in (quote, ""):
            return f"{text}, fee {fee_text(self.fee_cost)}"
        return f"{text}, fee {digits(self.fee_cost)} {self.fee_currency}"

    def summary(self) -> str:
        """Return how well the order was filled: `slippage 0.001 %, 1 level, 153 ms`."""
        details = [f"slippage {(self.slippage_bps or 0.0) / 100:z.3f} %"]
        if self.levels:
            details.append(f"{self.levels:g} level{'s' if self.levels > 1 else ''}")
        if self.entry_latency_ms is not None:
            details.append(f"{self.entry_latency_ms:.0f} ms")
        return ", ".join(details)
