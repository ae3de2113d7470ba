"""Draw the plans of trades into FreqUI's chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import nan
from typing import Any

from freqtrade.ft_types import plot_annotation_type
from freqtrade.persistence import Trade
from pandas import DataFrame
from sqlalchemy import event

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Position
from freqtrade_ext.plan.progress import LEAST_PERCENT, Progress, progress_of
from freqtrade_ext.text import rate_text

HAS_POINTS = hasattr(plot_annotation_type, "PointAnnotationType")
"""freqtrade 2025.12 has none, and an error in its log for each that it is given"""
TRADES_PER_PAIR = 20
LEVEL_HEIGHT = 0.0002
"""ratio of the rate; levels are thin areas, as FreqUI's lines vanish when one end leaves the window"""
ENTRY, STOP, TARGET, SOLD = "#1565c0", "#c62828", "#2e7d32", "#6a6a6a"
SHADE = "22"
"""alpha of the areas of risk and reward"""
LINES = {"plan stop": {"color": STOP}, "plan last target": {"color": TARGET}}
"""columns of `plot_config`: FreqUI's chart grows for them, and not for levels beyond its candles"""
VIEW_CANDLES = 250
"""that FreqUI shows without zooming; what lies beyond their rates gets a marker at the edge"""
LABEL_CANDLES = 25
"""from the newest candle to the middle of labels, half as wide as they are in that view"""
MARGIN_CANDLES = 5
"""that FreqUI leaves free behind the newest"""
ROW = 0.05
"""height of a label, as a ratio of the view's"""
DOT = 5


@dataclass(frozen=True, slots=True)
class Window:
    """What FreqUI's chart shows."""

    start: datetime
    end: datetime
    """open time of the newest candle"""
    candle: timedelta
    low: float
    high: float
    """rates between which FreqUI shows the newest `VIEW_CANDLES`"""

    @classmethod
    def of(cls, candles: DataFrame, candle: timedelta) -> Window:
        """:param candle: the chart's timeframe."""
        seen = candles.iloc[-VIEW_CANDLES:]
        dates = candles["date"]
        low, high = float(seen["low"].min()), float(seen["high"].max())
        return cls(dates.iloc[0].to_pydatetime(), dates.iloc[-1].to_pydatetime(), candle, low, high)

    def with_rate(self, rate: float) -> Window:
        """Return a window that shows this rate as well."""
        return replace(self, low=min(self.low, rate), high=max(self.high, rate))

    def rows(self, rates: Sequence[float]) -> list[float]:
        """Return where the edges have room for markers, as rates from low to high: not beside these rates."""
        height = ROW * (self.high - self.low)
        rows = [self.low + height * (row + 0.5) for row in range(round(1 / ROW) - 1)]
        return [y for y in rows if all(abs(y - rate) > height for rate in rates)]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the chart shows of one trade; a copy, since FreqUI asks from another thread."""

    plan: Plan
    progress: Progress
    stop_rate: float
    opened: datetime
    closed: datetime | None

    def annotations(self, window: Window) -> list[dict[str, Any]]:
        """Return FreqUI's annotations, clamped to the chart; none for a trade that ended before it."""
        if self.closed is not None and self.closed <= window.start:
            return []
        points = self._labels(window) if self.closed is None else self._results(window)
        return [*self._areas(window), *(points if HAS_POINTS else ())]

    def since(self, window: Window) -> datetime:
        """Return the open time of the entry's candle, or the chart's start."""
        candles = (self.opened - window.start) // window.candle
        return window.start + max(candles, 0) * window.candle

    def _until(self, window: Window) -> datetime:
        edge = window.end + MARGIN_CANDLES * window.candle
        if self.closed is None:
            return edge
        return min(max(self.closed, self.since(window) + window.candle), edge)

    def _areas(self, window: Window) -> Iterator[dict[str, Any]]:
        plan = self.plan
        targets = [
            (*_thin(rate), SOLD if sold > LEAST_PERCENT else TARGET)
            for rate, share, sold in zip(plan.target_rates, plan.shares, self.progress.sold, strict=True)
            if share
        ]
        for low, high, color in (
            (plan.entry_rate, self.stop_rate, STOP + SHADE),
            (plan.entry_rate, plan.target_rates[-1], TARGET + SHADE),
            (*_thin(plan.entry_rate), ENTRY),
            (*_thin(self.stop_rate), STOP),
            *targets,
        ):
            yield {
                "type": "area",
                "start": self.since(window),
                "end": self._until(window),
                "y_start": low,
                "y_end": high,
                "color": color,
                "label": "",
            }

    def _labels(self, window: Window) -> Iterator[dict[str, Any]]:
        """Label the levels of an open trade, and mark those beyond the view at its edge."""
        # FreqUI's own mark of the entry widens its chart
        window = window.with_rate(self.plan.entry_rate)
        stop_percent = 100 * (self.stop_rate / self.plan.entry_rate - 1)
        # FreqUI itself writes "Stoploss" at the stop of an open trade
        levels = [(self.stop_rate, STOP, f"stop {rate_text(self.stop_rate)} {stop_percent:+.2g} %", False)]
        levels.append((self.plan.entry_rate, ENTRY, f"entry {rate_text(self.plan.entry_rate)}", True))
        levels += [(rate, color, text, True) for rate, color, text in self._targets()]
        x = window.end - LABEL_CANDLES * window.candle
        for rate, color, text, is_labelled in levels:
            if is_labelled:
                yield _point(x, rate, color, text)
        rows = window.rows([rate for rate, *_ in levels])
        levels.sort()
        # from each edge inwards, the outermost first
        for (rate, color, text, _), y in zip(reversed(levels), reversed(rows), strict=False):
            if rate > window.high:
                yield _point(x, y, color, f"up: {text}", "triangle")
        for (rate, color, text, _), y in zip(levels, rows, strict=False):
            if rate < window.low:
                yield _point(x, y, color, f"down: {text}", "triangle", rotate=180)

    def _targets(self) -> Iterator[tuple[float, str, str]]:
        """Return rate, color and label of each target of an open trade."""
        plan, sign = self.plan, "-" if self.plan.is_short else "+"
        done, to_do = ("bought back", "buys back") if plan.is_short else ("sold", "sells")
        fates = zip(self.progress.sold, self.progress.due, strict=True)
        levels = zip(plan.target_rates, plan.target_percents, fates, strict=True)
        for number, (rate, percent, (sold, due)) in enumerate(levels, 1):
            text = f"TP{number} {rate_text(rate)} {sign}{percent:g} %"
            if sold > LEAST_PERCENT:
                yield rate, SOLD, f"{text}, {done} {sold:.0f} %"
            elif due > LEAST_PERCENT:
                yield rate, TARGET, f"{text}, {to_do} {due:.0f} %"
            elif number == len(plan.shares) and plan.trail_percent is not None:
                yield rate, TARGET, f"{text}, the stop trails from here"

    def _results(self, window: Window) -> Iterator[dict[str, Any]]:
        """Label where a closed trade was sold; FreqUI marks its entry and its end."""
        done = "bought back" if self.plan.is_short else "sold"
        x = self.since(window) + (self._until(window) - self.since(window)) / 2
        levels = zip(self.plan.target_rates, self.progress.sold, strict=True)
        for number, (rate, sold) in enumerate(levels, 1):
            if sold > LEAST_PERCENT:
                yield _point(x, rate, SOLD, f"TP{number} {done} {sold:.0f} %")


class Chart:
    """
    The drawings of open and recently closed trades, in memory.

    FreqUI asks in a thread of its own, where reading the database would leak a connection per refresh until
    the trading loop finds none left (freqtrade 2026.9 removes only `Trade.session` there).
    """

    def __init__(self) -> None:
        self._drawings: dict[str, dict[int, Drawing]] = {}

    def follow_deletions(self) -> None:
        """Remove deleted trades from the chart; `/delete` calls no callback of a strategy."""
        event.listen(Trade, "after_delete", lambda _mapper, _connection, trade: self.erase(trade))

    def draw(self, trade: Trade, plan: Plan, position: Position) -> None:
        """Draw the trade as it is now."""
        drawing = Drawing(
            plan=plan,
            progress=progress_of(plan, position),
            stop_rate=trade.stop_loss,
            opened=trade.open_date_utc,
            closed=trade.close_date_utc,
        )
        self.add(trade.pair, trade.id, drawing)

    def add(self, pair: str, trade_id: int, drawing: Drawing) -> None:
        """Add a drawing, in place of an earlier one of the same trade."""
        # replaced as a whole: a reader sees the old or the new
        latest = {**self._drawings.get(pair, {}), trade_id: drawing}
        self._drawings[pair] = dict(sorted(latest.items())[-TRADES_PER_PAIR:])

    def erase(self, trade: Trade) -> None:
        """Remove the drawing of a trade that was deleted."""
        drawings = self._drawings.get(trade.pair, {})
        self._drawings[trade.pair] = {id_: one for id_, one in drawings.items() if id_ != trade.id}

    def annotations(self, pair: str, candles: DataFrame, candle: timedelta) -> list[dict[str, Any]]:
        """
        Return what the pair's chart shows; add stop and last target of its open trade to its candles.

        :param candles: those that FreqUI is about to get.
        :param candle: the chart's timeframe.
        """
        window = Window.of(candles, candle)
        drawings = self._drawings.get(pair, {}).values()
        candles[[*LINES]] = nan
        for drawing in drawings:
            if drawing.closed is None:
                # a trade that is younger than the newest candle shows on that
                rows = candles["date"] >= min(drawing.since(window), window.end)
                candles.loc[rows, [*LINES]] = (drawing.stop_rate, drawing.plan.target_rates[-1])
        return [annotation for drawing in drawings for annotation in drawing.annotations(window)]


def _thin(rate: float) -> tuple[float, float]:
    return rate * (1 - LEVEL_HEIGHT / 2), rate * (1 + LEVEL_HEIGHT / 2)


def _point(
    x: datetime, y: float, color: str, label: str, shape: str = "circle", rotate: int = 0
) -> dict[str, Any]:
    return {
        "type": "point",
        "x": x,
        "y": y,
        "color": color,
        "label": label,
        "shape": shape,
        "size": DOT,
        "rotate": rotate,
    }
