"""The results of the trades closed last, by which the plan chooses its split."""

from __future__ import annotations

from freqtrade.persistence import Trade
from sqlalchemy import func, or_, select


class RecentResults:
    """
    The results of the trades closed last.

    Only trades that were open or unknown at the last look are asked for again, so that a decision takes as
    long after ten years as on the first day.
    """

    def __init__(self, count: int) -> None:
        """:param count: trades to look back."""
        self._count = count
        self._last_id = 0
        self._open: set[int] = set()
        self._profits: list[float] | None = None

    def count(self) -> tuple[int, int]:
        """Return how many of them won and how many lost."""
        profits = self._from_database() if Trade.use_db else self._from_backtest()
        return sum(profit > 0 for profit in profits), sum(profit < 0 for profit in profits)

    def _from_backtest(self) -> list[float]:
        # in the order of their closing
        return [trade.close_profit or 0.0 for trade in Trade.bt_trades[-self._count :]]

    def _from_database(self) -> list[float]:
        columns = select(Trade.id, Trade.is_open, Trade.close_profit).order_by(Trade.close_date)
        if self._profits is None:
            closed = columns.where(Trade.is_open.is_(False)).order_by(None)
            rows = Trade.session.execute(closed.order_by(Trade.close_date.desc()).limit(self._count)).all()
            self._profits = [row.close_profit or 0.0 for row in reversed(rows)]
            self._open = set(Trade.session.scalars(select(Trade.id).where(Trade.is_open.is_(True))))
            self._last_id = Trade.session.scalar(select(func.max(Trade.id))) or 0
            return self._profits
        asked = or_(Trade.id > self._last_id, Trade.id.in_(self._open))
        rows = Trade.session.execute(columns.where(asked)).all()
        self._open = {row.id for row in rows if row.is_open}
        self._last_id = max((self._last_id, *(row.id for row in rows)))
        news = [row.close_profit or 0.0 for row in rows if not row.is_open]
        self._profits = [*self._profits, *news][-self._count :]
        return self._profits
