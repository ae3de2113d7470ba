"""Draw the plans of trades into FreqUI's chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from freqtrade_ext.decide.plan import Plan
from freqtrade_ext.decide.text import rate_text
from freqtrade_ext.manage import position

TRADES_PER_PAIR = 20
LEVEL_HEIGHT = 0.0002
"""ratio of the rate; levels are thin areas, as FreqUI's lines vanish when one end leaves the window"""
ENTRY, STOP, TARGET, SOLD = "#4c78a8", "#e45756", "#54a24b", "#9d9da1"
SHADE = "22"
"""alpha of the areas of risk and reward"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the chart shows of one trade; a copy, since FreqUI asks from another thread."""

    plan: Plan
    stop_rate: float
    opened: datetime
    closed: datetime | None
    stages_sold: int
    """targets whose exit has filled, in a row from the first"""

    def annotations(self, start: datetime, end: datetime, candle: timedelta) -> list[dict[str, Any]]:
        """
        Return FreqUI's annotations, clamped to the chart; none for a trade that ended before it.

        A trade younger than the last candle is drawn one candle wide.
        """
        if self.closed is not None and self.closed <= start:
            return []
        plan = self.plan
        window = {
            "type": "area",
            "start": min(max(self.opened, start), end - candle),
            "end": min(max(self.closed or end, start + candle), end),
        }
        areas = [
            (plan.entry_rate, self.stop_rate, STOP + SHADE, ""),
            (plan.entry_rate, plan.target_rates[-1], TARGET + SHADE, ""),
            (*_thin(plan.entry_rate), ENTRY, f"entry {rate_text(plan.entry_rate)}"),
            (*_thin(self.stop_rate), STOP, f"stop {rate_text(self.stop_rate)}"),
        ]
        sign = "-" if plan.is_short else "+"
        levels = zip(plan.target_rates, plan.target_percents, plan.shares, strict=True)
        for number, (rate, percent, share) in enumerate(levels, 1):
            is_sold = number <= self.stages_sold
            what = f"TP{number} {sign}{percent:g}% {'sold' if is_sold else 'sells'} {share:g}%"
            if share:
                areas.append((*_thin(rate), SOLD if is_sold else TARGET, what))
        return [
            {**window, "y_start": low, "y_end": high, "color": color, "label": label}
            for low, high, color, label in areas
        ]


class Chart:
    """
    The drawings of open and recently closed trades, in memory.

    FreqUI asks in a thread of its own, where reading the database would leak a connection per refresh until
    the trading loop finds none left (freqtrade 2026.9 removes only `Trade.session` there).
    """

    def __init__(self) -> None:
        self._drawings: dict[str, dict[int, Drawing]] = {}

    def draw(self, trade: Trade, plan: Plan) -> None:
        """Take over the trade's present state."""
        drawing = Drawing(
            plan=plan,
            stop_rate=trade.stop_loss,
            opened=trade.open_date_utc,
            closed=trade.close_date_utc,
            stages_sold=position.stage_sold(trade),
        )
        # replaced as a whole: a reader sees the old or the new
        latest = {**self._drawings.get(trade.pair, {}), trade.id: drawing}
        self._drawings[trade.pair] = dict(sorted(latest.items())[-TRADES_PER_PAIR:])

    def annotations(
        self, pair: str, start: datetime, end: datetime, candle: timedelta
    ) -> list[dict[str, Any]]:
        """
        Return what the pair's chart shows between its first and its last candle.

        :param candle: the chart's timeframe.
        """
        drawings = self._drawings.get(pair, {}).values()
        return [a for drawing in drawings for a in drawing.annotations(start, end, candle)]


def _thin(rate: float) -> tuple[float, float]:
    return rate * (1 - LEVEL_HEIGHT / 2), rate * (1 + LEVEL_HEIGHT / 2)
