"""Draw the plans of trades into FreqUI's chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import nan
from typing import Any

from freqtrade.persistence import Trade
from pandas import DataFrame

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy import position
from freqtrade_ext.text import rate_text

TRADES_PER_PAIR = 20
LEVEL_HEIGHT = 0.0002
"""ratio of the rate; levels are thin areas, as FreqUI's lines vanish when one end leaves the window"""
ENTRY, STOP, TARGET, SOLD = "#1565c0", "#c62828", "#2e7d32", "#6a6a6a"
"""of a luminance between 0.2 and 0.5, where areas have white labels: the only ones legible in both themes"""
SHADE = "22"
"""alpha of the areas of risk and reward"""
YOUNG_CANDLES = 10
"""an open trade is drawn this wide at least, as FreqUI draws its stop"""
LINES = {"managed_stop": {"color": STOP}, "managed_target": {"color": TARGET}}
"""columns of `plot_config`: FreqUI's chart grows for them, and not for areas beyond its candles"""


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
        """Return FreqUI's annotations, clamped to the chart; none for a trade that ended before it."""
        if self.closed is not None and self.closed <= start:
            return []
        plan = self.plan
        window = {
            "type": "area",
            "start": self.since(start, end, candle),
            "end": min(max(self.closed or end, start + candle), end),
        }
        areas = [
            (plan.entry_rate, self.stop_rate, STOP + SHADE, ""),
            (plan.entry_rate, plan.target_rates[-1], TARGET + SHADE, ""),
            (*_thin(plan.entry_rate), ENTRY, f"entry {rate_text(plan.entry_rate)}"),
            (*_thin(self.stop_rate), STOP, f"stop {rate_text(self.stop_rate)}"),
        ]
        sign = "-" if plan.is_short else "+"
        done, due = ("bought back", "buys back") if plan.is_short else ("sold", "sells")
        levels = zip(plan.target_rates, plan.target_percents, plan.shares, strict=True)
        for number, (rate, percent, share) in enumerate(levels, 1):
            is_sold = number <= self.stages_sold
            fate = done if is_sold else due if self.closed is None else "missed"
            if share:
                what = f"TP{number} {sign}{percent:g}% {fate} {share:g}%"
                areas.append((*_thin(rate), SOLD if is_sold else TARGET, what))
        return [
            {**window, "y_start": low, "y_end": high, "color": color, "label": label}
            for low, high, color, label in areas
        ]

    def since(self, start: datetime, end: datetime, candle: timedelta) -> datetime:
        """Return where the drawing begins: a trade younger than the last candle is one candle wide."""
        least = candle if self.closed is not None else YOUNG_CANDLES * candle
        return max(min(self.opened, end - least), start)


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

    def add_lines(self, pair: str, candles: DataFrame, candle: timedelta) -> None:
        """
        Add the stop and the last target of the pair's open trade to the candles that FreqUI is about to get.

        :param candle: the chart's timeframe.
        """
        dates = candles["date"]
        candles[[*LINES]] = nan
        for drawing in self._drawings.get(pair, {}).values():
            if drawing.closed is None:
                rows = dates >= drawing.since(dates.iloc[0], dates.iloc[-1], candle)
                candles.loc[rows, [*LINES]] = (drawing.stop_rate, drawing.plan.target_rates[-1])


def _thin(rate: float) -> tuple[float, float]:
    return rate * (1 - LEVEL_HEIGHT / 2), rate * (1 + LEVEL_HEIGHT / 2)
