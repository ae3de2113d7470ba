"""One trade as a picture: the plan's levels, the range that rates moved in, and each fill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from xml.etree.ElementTree import Element

from markupsafe import Markup

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.position import Fill, Position
from freqtrade_ext.plan.progress import LEAST_PERCENT, progress_of
from freqtrade_ext.report.candles import draw_candles
from freqtrade_ext.report.costs import slippage_bps
from freqtrade_ext.report.exits import exit_reason
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.report.svg import Axis, add, drawing, line, markup, path, text, title
from freqtrade_ext.tags import stage_of, tag_of
from freqtrade_ext.text import rate_text

LABEL_GAP = 13.0
"""from one label's line to the next"""

MOVED = 1e-4
"""A stop further than this ratio from the plan's was moved on purpose, not rounded to a tick."""

AHEAD = timedelta(minutes=10)
"""room behind the last fill of an open trade, which goes on"""


class Level(NamedTuple):
    label: str
    rate: float
    kind: str
    """entry, target or stop"""
    is_filled: bool = False


def timeline(trade: TradeRow) -> Markup:
    """Draw a trade from entry to end; nothing for one that knows no rate yet."""
    levels = _levels(trade)
    fills = [(fill, fill.time) for fill in trade.fills if fill.time]
    if not levels and not fills:
        return Markup("")
    chart = drawing(480, 220, f"Trade {trade.id}: levels and fills")
    times = sorted([trade.opened, trade.closed, *(time for _, time in fills)])
    if trade.is_open:
        times.append(times[-1] + (times[-1] - times[0]) / 3 + AHEAD)
    seen = [rate for rate in (trade.min_rate, trade.max_rate) if rate and not trade.candles]
    for candle in trade.candles:
        seen += (candle.low, candle.high)
    times = sorted([*times, *(candle.time for candle in trade.candles)])
    x = Axis([time.timestamp() for time in times], 14, 268)
    y = Axis([*(level.rate for level in levels), *(fill.average for fill, _ in fills), *seen], 182, 14, 0.04)
    draw_candles(chart, trade.candles, x, y)
    if len(seen) == 2:
        top, height = y(max(seen)), max(y(min(seen)) - y(max(seen)), 1)
        band = add(chart, "rect", "range", x=x.start, y=top, width=x.end - x.start, height=height)
        title(band, f"rates moved between {rate_text(min(seen))} and {rate_text(max(seen))}")
    for level, label_y in zip(levels, _spread([y(level.rate) for level in levels]), strict=True):
        filled = " filled" if level.is_filled else ""
        line(chart, (x.start, y(level.rate)), (x.end, y(level.rate)), f"rate {level.kind}{filled}")
        line(chart, (x.end, y(level.rate)), (280, label_y), "leader")
        mark = " \N{CHECK MARK}" if level.is_filled else ""
        text(chart, 284, label_y + 4, f"{level.label}{mark}", cls=level.kind)
    for fill, time in fills:
        _mark(chart, x(time.timestamp()), y(fill.average), fill)
    text(chart, 14, 210, f"{times[0]:%b %d %H:%M}")
    text(chart, 268, 210, "open" if trade.is_open else f"{times[-1]:%b %d %H:%M}", "end")
    return markup(chart)


def _levels(trade: TradeRow) -> list[Level]:
    """Return what the plan aims at; without one, what freqtrade knows."""
    plan, stop = trade.plan, trade.stop_rate
    reasons = {exit_reason(fill) for fill in trade.fills if not fill.is_entry}
    is_stopped = "stop" in reasons
    if plan is None:
        entry = [Level(f"entry {rate_text(trade.open_rate)}", trade.open_rate, "entry")]
        last = [Level(f"stop {rate_text(stop)}", stop, "stop", is_stopped)] if stop else []
        return (entry if trade.open_rate else []) + last
    sign = -1 if trade.is_short else 1
    levels = [Level(f"entry {rate_text(plan.entry_rate)}", plan.entry_rate, "entry")]
    sold = _sold(trade, plan)
    targets = zip(plan.target_rates, plan.target_percents, plan.shares, sold, strict=True)
    for number, (rate, percent, share, part) in enumerate(targets, 1):
        if share or part > LEAST_PERCENT:
            label = f"TP{number} {rate_text(rate)} {sign * percent:+.3g}% \N{MIDDLE DOT} {share:g}%"
            levels.append(Level(label, rate, "target", part > LEAST_PERCENT))
    is_moved = stop is not None and abs(stop / plan.stop_rate - 1) > MOVED
    if stop is not None and is_moved:
        levels.append(Level(f"stop moved {rate_text(stop)}", stop, "stop", is_stopped))
    label = f"stop {rate_text(plan.stop_rate)} {-sign * plan.stop_percent:+.3g}%"
    return [*levels, Level(label, plan.stop_rate, "stop", is_stopped and not is_moved)]


def _sold(trade: TradeRow, plan: Plan) -> tuple[float, ...]:
    """Return the percent of the position that was sold at each target."""
    fills = tuple(
        Fill(fill.is_entry, fill.filled, fill.average, 0 if fill.is_entry else stage_of(tag_of(fill.tag)))
        for fill in trade.fills
    )
    return progress_of(
        plan,
        Position(
            is_short=trade.is_short,
            held=0.0,
            fills=tuple(fill for fill in fills if fill.stage <= len(plan.shares)),
            stage_asked=0,
            stop_rate=plan.stop_rate,
            lot=0.0,
        ),
    ).sold


def _mark(chart: Element, x: float, y: float, fill: OrderRow) -> None:
    """Put a triangle with its tip at the rate: upwards for buys, downwards for sells."""
    foot = y + 9 * fill.direction
    corners = path([(x, y), (x - 5, foot), (x + 5, foot)])
    mark = add(chart, "polygon", "entry-mark" if fill.is_entry else "exit-mark", points=corners)
    bps = slippage_bps(fill)
    cost = "" if bps is None else f", {-bps:+z.2f} bps from the rate decided on"
    what = "entry" if fill.is_entry else exit_reason(fill)
    title(mark, f"{what}: {fill.side} {fill.filled:.8g} at {rate_text(fill.average)}{cost}")


def _spread(places: Sequence[float], low: float = 12, high: float = 192) -> list[float]:
    """Move labels apart where they would overlap, keeping their order."""
    rising = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    edge = low - LABEL_GAP
    for index in rising:
        edge = moved[index] = max(moved[index], edge + LABEL_GAP)
    edge = high + LABEL_GAP
    for index in reversed(rising):
        edge = moved[index] = min(moved[index], edge - LABEL_GAP)
    return moved
