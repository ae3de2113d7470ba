"""Keep the engine's state in freqtrade's own database, inside freqtrade's own transactions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.persistence.base import ModelBase
from sqlalchemy import String, Text, or_, select
from sqlalchemy.orm import Mapped, mapped_column


class PaperState(ModelBase):
    """One JSON document per order, pair and account."""

    __tablename__ = "paper_state"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text, nullable=False)


class DatabaseStore:
    """
    Saves without committing: the rows go to disk with the commit that freqtrade makes for its own order
    and trade, so that a kill in between leaves both or neither.
    """

    def __init__(self) -> None:
        PaperState.__table__.create(Trade.session.get_bind(), checkfirst=True)

    def load(self) -> dict[str, Any]:
        """Return all but ended orders; all orders where an earlier version has not marked the ended ones."""
        # in ASCII, 0 comes after /
        others = select(PaperState).where(or_(PaperState.key < "order/", PaperState.key >= "order0"))
        state = {row.key: json.loads(row.value) for row in Trade.session.scalars(others)}
        keys = [f"order/{order_id}" for order_id in state["open"]] if "open" in state else self.order_keys()
        return state | {key: value for key in keys if (value := self.find(key)) is not None}

    def find(self, key: str) -> Any:
        """Return one stored value, None where there is none."""
        row = self._waiting().get(key) or Trade.session.get(PaperState, key)
        return None if row is None else json.loads(row.value)

    def order_keys(self) -> list[str]:
        """Return the keys of all orders there ever were."""
        keys = select(PaperState.key).where(PaperState.key >= "order/", PaperState.key < "order0")
        return list(Trade.session.scalars(keys))

    def _waiting(self) -> dict[str, PaperState]:
        """Return rows that wait in freqtrade's session, which does not flush by itself."""
        return {row.key: row for row in Trade.session.new if isinstance(row, PaperState)}

    def save(self, values: Mapping[str, Any]) -> None:
        waiting = self._waiting()
        for key, value in values.items():
            row = waiting.get(key) or Trade.session.merge(PaperState(key=key))
            row.value = json.dumps(value)


class MemoryStore:
    """Keeps nothing; for an exchange without a bot and its database."""

    def load(self) -> dict[str, Any]:
        return {}

    def find(self, key: str) -> Any:
        return None

    def save(self, values: Mapping[str, Any]) -> None:
        pass
