"""Keep the engine's state in freqtrade's own database, inside freqtrade's own transactions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.persistence.base import ModelBase
from sqlalchemy import String, Text, select
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
        return {row.key: json.loads(row.value) for row in Trade.session.scalars(select(PaperState))}

    def save(self, values: Mapping[str, Any]) -> None:
        # freqtrade's session does not flush by itself, and merge does not find what waits in it
        waiting = {row.key: row for row in Trade.session.new if isinstance(row, PaperState)}
        for key, value in values.items():
            row = waiting.get(key) or Trade.session.merge(PaperState(key=key))
            row.value = json.dumps(value)


class MemoryStore:
    """Keeps nothing; for an exchange without a bot and its database."""

    def load(self) -> dict[str, Any]:
        return {}

    def save(self, values: Mapping[str, Any]) -> None:
        pass
