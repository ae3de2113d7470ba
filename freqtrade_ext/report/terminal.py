"""The same figures as tables in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from freqtrade_ext.report.figures import Report
from freqtrade_ext.report.headline import answer, tiles
from freqtrade_ext.report.page import sections
from freqtrade_ext.report.table import Table

SHOWN = ("What the plans did", "What execution cost")
"""The page lists single trades; the terminal does not."""


def print_report(report: Report, console: Console) -> None:
    verdict, earned, naive = answer(report)
    question = f"Would it have earned money? {verdict}: " if verdict else ""
    console.print(Text(" ".join(filter(None, (question + earned + ("." if verdict else ""), naive)))))
    for name, value, detail in tiles(report):
        console.print(Text(f"  {name}: {value}" + (f" ({detail})" if detail else "")))
    for title, group in sections(report):
        for table in group if title in SHOWN else []:
            console.print(_drawn(table))


def print_table(table: Table, console: Console) -> None:
    """Print a table with its note."""
    console.print(_drawn(table))
    console.print(Text(table.note))


def _drawn(table: Table) -> RichTable:
    """Text, never a plain string: rich would take a pair's or reason's square brackets for its markup."""
    drawn = RichTable(title=Text(table.title), title_justify="left")
    for index, head in enumerate(table.head):
        drawn.add_column(Text(head), justify="right" if index else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
