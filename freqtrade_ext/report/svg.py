"""
Drawing with inline SVG: no script, no dependency, light and dark by the page's style.

ElementTree does the escaping, so that no label can break out of its text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

Point = tuple[float, float]


class Axis:
    """Maps values linearly onto units of the drawing."""

    def __init__(self, values: Iterable[float], start: float, end: float, padding: float = 0.0) -> None:
        """:param padding: room at both ends, as a ratio of the values' range."""
        rising = sorted(values)
        self.low, self.high = rising[0], rising[-1]
        # one value alone gets room as well
        spare = (self.high - self.low) * padding if self.high > self.low else abs(self.high) * 1e-3 or 1.0
        self.low, self.high = self.low - spare, self.high + spare
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round values inside, about this many."""
        rough = (self.high - self.low) / count
        decade = 10.0 ** math.floor(math.log10(rough))
        step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= rough * 0.999)
        numbers = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [number * step for number in numbers]


def drawing(width: int, height: int, label: str) -> Element:
    return Element("svg", {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": label})


def add(parent: Element, tag: str, cls: str, **attributes: float | str) -> Element:
    written = {
        name: value if isinstance(value, str) else f"{value:.1f}" for name, value in attributes.items()
    }
    return SubElement(parent, tag, {**written, "class": cls})


def line(parent: Element, start: Point, end: Point, cls: str) -> None:
    add(parent, "line", cls, x1=start[0], y1=start[1], x2=end[0], y2=end[1])


def text(parent: Element, x: float, y: float, content: str, anchor: str = "start", cls: str = "") -> None:
    element = add(parent, "text", cls, x=x, y=y)
    element.set("text-anchor", anchor)
    element.text = content


def title(element: Element, content: str) -> None:
    """Return a tooltip for the element."""
    SubElement(element, "title").text = content


def path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def markup(chart: Element) -> Markup:
    return Markup(tostring(chart, encoding="unicode"))
