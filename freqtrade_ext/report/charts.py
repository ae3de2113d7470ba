"""Charts over all trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.etree.ElementTree import Element

from markupsafe import Markup

from freqtrade_ext.report.results import EquityPoint
from freqtrade_ext.report.svg import Axis, Point, add, drawing, line, markup, path, text, title
from freqtrade_ext.report.table import money

DOTS = 100
"""trades up to which each one is a dot"""


WIDEST = 60.0
"""units for a column"""

TIME_STYLES = (
    (timedelta(days=30), "%b %d"),
    (timedelta(days=1), "%b %d %H:%M"),
    (timedelta(hours=1), "%H:%M"),
    (timedelta(0), "%H:%M:%S"),
)
"""shortest span of the axis -> format of its labels"""


class Step(NamedTuple):
    """Of a bridge: a level of its own, or a change from the step before; stake currency."""

    label: str
    value: float
    is_level: bool = False


def equity_chart(
    points: Sequence[EquityPoint],
    start: float,
    began: datetime,
    until: datetime,
    currency: str,
    has_claims: bool,
) -> Markup:
    """Draw the balance as executed, as a naive dry-run would have claimed it, and the drawdown below."""
    chart = drawing(480, 270, "Balance after each closed trade, and drawdown")
    # it stays as it is from the last trade to the end of the time
    last = points[-1]
    times = [began, *(point.time for point in points), max(until, last.time)]
    balances = [start, *(point.balance for point in points), last.balance]
    claims = [start, *(point.claimed for point in points), last.claimed] if has_claims else []
    sunk = [0.0, *(point.drawdown_abs for point in points), last.drawdown_abs]
    x = Axis([time.timestamp() for time in times], 64, 470)
    y = Axis([*balances, *claims], 170, 12, 0.05)
    below = Axis([0.0, max(sunk) or 1.0], 190, 240)
    _grid(chart, x, y, began, times[-1])
    if claims:
        title(add(chart, "polyline", "claimed", points=path(_steps(x, y, times, claims))), "naive dry-run")
    title(add(chart, "polyline", "balance", points=path(_steps(x, y, times, balances))), "as executed")
    edge = _steps(x, below, times, sunk)
    add(chart, "polygon", "drawdown", points=path([*edge, (edge[-1][0], below(0)), (edge[0][0], below(0))]))
    text(chart, x.start + 4, 238, "drawdown")
    text(chart, 58, 240, f"{-max(sunk):z,.2f}", "end")
    for point in points if len(points) <= DOTS else []:
        dot = add(chart, "circle", "dot", cx=x(point.time.timestamp()), cy=y(point.balance), r=3)
        title(dot, f"#{point.trade_id}, {point.time:%Y-%m-%d %H:%M}: {point.balance:,.2f} {currency}")
    return markup(chart)


def bridge_chart(steps: Sequence[Step], currency: str) -> Markup:
    """Draw from top to bottom what each step adds or takes."""
    height = 34 * len(steps) + 6
    chart = drawing(480, height, "From the rates decided on to the profit")
    edges: list[Point] = []
    for step in steps:
        left = 0.0 if step.is_level else edges[-1][1]
        edges.append((left, left + step.value))
    x = Axis([0.0, *(edge for both in edges for edge in both)], 208, 350)
    line(chart, (x(0), 0), (x(0), height), "zero")
    for row, (step, (left, right)) in enumerate(zip(steps, edges, strict=True)):
        y, width = 8 + 34 * row, max(abs(x(right) - x(left)), 1)
        tone = "level" if step.is_level else tone_of(step.value)
        add(chart, "rect", tone, x=min(x(left), x(right)), y=y, width=width, height=22, rx=2)
        text(chart, 198, y + 16, step.label, "end", "name")
        text(chart, 478, y + 16, f"{money(step.value, currency)} {currency}", "end", "name")
    return markup(chart)


def column_chart(columns: Mapping[str, float], label: str, unit: str, *, is_money: bool = False) -> Markup:
    """
    Draw one column per group, upwards or downwards from 0.

    :param is_money: a minus is a loss.
    """
    chart = drawing(480, 210, label)
    y = Axis([0.0, *columns.values()], 180, 12)
    are_counts = all(value.is_integer() for value in columns.values())
    for tick in y.ticks(4):
        if are_counts and not tick.is_integer():
            continue
        line(chart, (46, y(tick)), (475, y(tick)), "grid")
        text(chart, 40, y(tick) + 4, f"{tick:g}", "end")
    room = min(429 / len(columns), WIDEST)
    for place, (name, value) in enumerate(columns.items()):
        left, height = 46 + room * (place + 0.12), max(abs(y(value) - y(0)), 0.5)
        tone = tone_of(value) if is_money else "cost"
        column = add(chart, "rect", tone, x=left, y=min(y(value), y(0)), width=room * 0.76, height=height)
        title(column, f"{name}: {value:,.4g} {unit}")
        if place % max(1, round(len(columns) / 12)) == 0:
            text(chart, left + room * 0.38, 200, name, "middle")
    line(chart, (46, y(0)), (475, y(0)), "zero")
    return markup(chart)


def bar(value: float, values: Sequence[float], tone: str) -> Markup:
    """
    Draw one value of a table's column as a bar; the number itself stands beside it.

    :param tone: `profit`, where its sign is good or bad, or `cost`.
    """
    scale = Axis([0.0, *values], 1, 119)
    chart = Element("svg", {"viewBox": "0 0 120 12", "class": "bar", "aria-hidden": "true"})
    left, right = sorted((scale(0), scale(value)))
    kind = tone_of(value) if tone == "profit" else tone
    add(chart, "rect", kind, x=left, y=1, width=max(right - left, 0.5), height=10)
    line(chart, (scale(0), 0), (scale(0), 12), "zero")
    return markup(chart)


def tone_of(value: float) -> str:
    return "gain" if value >= 0 else "loss"


def _grid(chart: Element, x: Axis, y: Axis, began: datetime, ended: datetime) -> None:
    for tick in y.ticks():
        line(chart, (x.start, y(tick)), (x.end, y(tick)), "grid")
        text(chart, x.start - 8, y(tick) + 4, f"{tick:,.6g}", "end")
    span = ended - began
    style = next(style for shortest, style in TIME_STYLES if span >= shortest)
    for part, anchor in enumerate(("start", "middle", "end")):
        place = x.start + (x.end - x.start) * part / 2
        text(chart, place, 262, f"{began + span * part / 2:{style}}", anchor)


def _steps(x: Axis, y: Axis, times: Sequence[datetime], values: Sequence[float]) -> list[Point]:
    """A balance stays until the next trade closes."""
    points = [(x(times[0].timestamp()), y(values[0]))]
    for time, value in zip(times[1:], values[1:], strict=True):
        points += [(x(time.timestamp()), points[-1][1]), (x(time.timestamp()), y(value))]
    return points
