"""The page: self-contained, without a script, and forbidden by its own policy to load or run anything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from freqtrade_ext.report import cost_tables, trade_tables
from freqtrade_ext.report.certainty import certainty_tables
from freqtrade_ext.report.charts import Step, bar, bridge_chart, column_chart, equity_chart
from freqtrade_ext.report.costs import costs_by, hour, percentile
from freqtrade_ext.report.database import About
from freqtrade_ext.report.figures import Report
from freqtrade_ext.report.headline import answer, surely, tiles
from freqtrade_ext.report.performance import profits_by
from freqtrade_ext.report.table import Table, money, percent
from freqtrade_ext.report.timeline import timeline
from freqtrade_ext.text import digits

PICTURED = 60
"""newest trades that get a picture"""

BINS = 20
"""columns of the latency chart"""


CARDS = 12
"""of them, shown without a click"""

MONTHS_FROM = 62
"""days from which profits are shown by month"""


def render(
    report: Report, source: str, made: datetime, about: About | None = None, twin: Sequence[Table] = ()
) -> str:
    """
    Draw the page.

    :param source: the database's name, without a password.
    :param made: UTC.
    :param about: what else the database contains.
    :param twin: tables of a live bot beside its paper twin.
    """
    about = about or About()
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coins"] = lambda trade: f"{digits(trade.left_amount)} {trade.pair.split('/')[0]}"
    environment.filters["day"] = lambda trade: f"{trade.closed:%Y-%m-%d}"
    return environment.get_template("page.html").render(
        report=report,
        source=source,
        made=made,
        about=about,
        answer=answer(report),
        surely=list(surely(report)),
        tiles=list(tiles(report)),
        charts=list(_charts(report, about)),
        details=list(_details(report)),
        cards=CARDS,
        pictured=sorted([*report.closed, *report.open], key=lambda trade: -trade.id)[:PICTURED],
        timeline=timeline,
        money=money,
        percent=percent,
        sections=sections(report, twin),
        has_twin=any(table.rows for table in twin),
        bar=bar,
    )


def sections(report: Report, twin: Sequence[Table] = ()) -> list[tuple[str, list[Table]]]:
    """Return the tables that have something to say, by headline."""
    closed, orders, currency = report.closed, report.orders, report.currency
    found = {
        "Live and its paper twin": list(twin),
        "What the plans did": [
            trade_tables.exits_table([*closed, *report.open], currency),
            *trade_tables.results_tables(closed, currency),
        ],
        "What execution cost": [
            cost_tables.shortfall_table(orders, currency),
            *cost_tables.slippage_tables(orders, currency),
            cost_tables.fees_table(orders, currency),
            cost_tables.latency_table(orders),
            cost_tables.unfilled_table(orders, currency),
            *certainty_tables([*closed, *report.open], currency, report.start),
        ],
        "Trades": [
            trade_tables.open_table(report.open, currency),
            trade_tables.trades_table(closed, currency),
        ],
    }
    return [
        (title, told) for title, group in found.items() if (told := [table for table in group if table.rows])
    ]


def _charts(report: Report, about: About) -> Iterator[tuple[str, str, Markup]]:
    """Return (title, note, drawing) of the result."""
    if not report.points:
        return
    claim = " Dashed: what a naive dry-run would have claimed." if report.has_claims else ""
    began = min(trade.opened for trade in report.closed)
    until = max(about.until or began, report.points[-1].time)
    chart = equity_chart(report.points, report.start or 0.0, began, until, report.currency, report.has_claims)
    yield "Balance", f"In {report.currency}, after each closed trade.{claim}", chart
    yield "Where it went", "Closed trades.", bridge_chart(_bridge(report), report.currency)
    is_long = (until - began).days >= MONTHS_FROM
    name, period = ("Profit by month", "%Y-%m") if is_long else ("Profit by day", "%m-%d")
    columns = column_chart(profits_by(report.closed, period), name, report.currency, is_money=True)
    yield name, f"In {report.currency}, by when trades closed (UTC).", columns


def _details(report: Report) -> Iterator[tuple[str, str, Markup]]:
    """Return (title, note, drawing) of what execution cost."""
    hours = {label: -cost.slippage_bps for label, cost in costs_by(report.orders, hour).items()}
    if hours:
        yield (
            "Slippage by hour",
            "bps by hour of the decision (UTC); minus is worse for you.",
            column_chart(hours, "Slippage by hour", "bps", is_money=True),
        )
    bins = _latency_bins(report)
    if bins:
        chart = column_chart(bins, "Latency", "orders")
        yield "Latency", "Orders by ms on their way to the exchange.", chart


def _bridge(report: Report) -> list[Step]:
    if report.result is None:
        return []
    costs = report.costs_of_closed
    earned, left = report.result.profit_abs, report.left_abs
    claim = [Step("claimed by a naive dry-run", report.result.claimed_abs, True)]
    return [
        Step("in the middle of the book", earned + left + sum(costs.values()), True),
        *(Step(name, -cost) for name, cost in costs.items()),
        *([Step("left behind in coins", -left)] if report.left else []),
        Step("earned", earned, True),
        *(claim if report.has_claims else []),
    ]


def _latency_bins(report: Report) -> dict[str, float]:
    """Count orders by their latency, up to the 99th percentile: the bin's lower bound in ms -> orders."""
    known = sorted(
        order.record.entry_latency_ms
        for order in report.orders
        if order.record and order.record.entry_latency_ms is not None and order.record.entry_latency_ms >= 0
    )
    if not known:
        return {}
    longest = percentile(known, 0.99)
    width = max(1, math.ceil(longest / BINS))
    bins = Counter(int(ms // width) for ms in known if ms <= longest)
    return {f"{place * width}": float(bins[place]) for place in range(min(bins), max(bins) + 1)}
