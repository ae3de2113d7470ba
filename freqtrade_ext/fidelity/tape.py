"""Group the prints of the tape to sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from freqtrade_ext.fills.book import BuySell, Level
from freqtrade_ext.tape import TradeIds, ids_of_trade


@dataclass(slots=True)
class Sweep:
    """One apparent order of a stranger: consecutive prints with equal time and taker side."""

    time_ms: int
    """exchange time `T` of its prints"""
    side: BuySell
    """of the taker"""
    seen_ms: float
    """local time at which a message sent at `T` would have arrived, by the first print"""
    last_ms: float
    """local time at which its last print arrived"""
    fills: list[Level]
    """rate and amount printed, neighbouring prints of one rate added up"""
    order: str = ""
    """what tells the order from others of its time and side, where a venue says it"""
    own_id: int | None = None
    """update id of the best bid/ask message that shows its amount gone, once that is known"""

    def add(self, local_ms: float, rate: float, amount: float) -> None:
        self.last_ms = local_ms
        if self.fills[-1][0] == rate:
            self.fills[-1] = (rate, self.fills[-1][1] + amount)
        else:
            self.fills.append((rate, amount))

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def amount(self) -> float:
        return sum([amount for _, amount in self.fills])

    @property
    def cost(self) -> float:
        return sum([rate * amount for rate, amount in self.fills])

    def value(self, contract_value: float | None) -> float:
        """
        Return its value in quote units.

        :param contract_value: quote units per unit of the amount, where that counts contracts.
        """
        return self.cost if contract_value is None else self.amount * contract_value


class SweepTape:
    """Prints in, sweeps out. A trade counts once, by its id, in whichever streams it is printed."""

    def __init__(self) -> None:
        self.growing: Sweep | None = None
        """the sweep that the next print may still belong to"""
        self._ids = TradeIds()

    def add(self, local_ms: float, data: dict[str, Any]) -> Sweep | None:
        """
        Add a single or aggregated trade; return the sweep that it ends, if any.

        :raises ValueError, KeyError, TypeError: for a print that cannot be true.
        """
        first_id, last_id = ids_of_trade(data)
        time_ms, rate, amount = data["T"], float(data["p"]), float(data["q"])
        seen_ms = local_ms - (data.get("E", time_ms) - time_ms)
        if not (0 < rate < inf and 0 < amount < inf):
            raise ValueError(f"{amount} at {rate}")
        if not self._ids.add(int(first_id), int(last_id), time_ms):
            return None
        side: BuySell = "sell" if data["m"] else "buy"
        growing, order = self.growing, data.get("order", "")
        if growing and (growing.time_ms, growing.side, growing.order) == (time_ms, side, order):
            growing.add(local_ms, rate, amount)
            return None
        self.growing = Sweep(time_ms, side, seen_ms, local_ms, [(rate, amount)], order)
        return growing

    def close(self) -> Sweep | None:
        """Return the growing sweep as it is."""
        over, self.growing = self.growing, None
        return over
