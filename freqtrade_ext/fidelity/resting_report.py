"""Show what the scoreboard of resting orders found: tables for the terminal, one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

NAMES = {
    "pessimistic": "ours, pessimistic",
    "expected": "ours, expected",
    "optimistic": "ours, optimistic",
    "stock": "stock freqtrade",
    "risk_adverse": "hftbacktest RiskAdverse",
    "power_3": "hftbacktest power 3",
    "nautilus": "NautilusTrader queue",
}
TITLES = {
    "real": "real orders that joined the best, up to their own end",
    "phantom": "an order of dust behind the queue at the best, each second and side",
}


def tables(report: dict[str, Any]) -> list[Table]:
    """Lay out a report for reading: percent of probes, points, basis points."""
    return [*(_probes(report, kind) for kind in TITLES), _money(report)]


def _probes(report: dict[str, Any], kind: str) -> Table:
    table = Table(title=TITLES[kind], box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("filled within", no_wrap=True)
    for name in ("filled %", "bias", "95 %", "wrong %", "false %"):
        table.add_column(name, justify="right", no_wrap=True)
    for seconds, found in report["probes"][kind].items():
        table.add_row(f"{seconds} s: truth of {found['n']:,}", _share(found["truth"]))
        for rule, name in NAMES.items():
            row = found["rules"][rule]
            low, high = row["bias_95"] or (None, None)
            cells = (_share(row["filled"]), _points(row["bias"]), f"{_points(low)} {_points(high)}")
            table.add_row(f"  {name}", *cells, _share(row["wrong"]), _share(row["false"]))
        table.add_section()
    return table


def _money(report: dict[str, Any]) -> Table:
    events, speed = report["events"], report["events_per_second"]
    table = Table(
        title="in basis points, fees left out: join, wait 30 s, then take; the middle 10 s after a fill",
        caption=f"{events:,} events at {speed:,} events/s",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("by", no_wrap=True)
    table.add_column("cost", justify="right")
    table.add_column("markout", justify="right")
    for rule, name in {"truth": "truth", **NAMES}.items():
        table.add_row(name, _points(report["cost_bps"][rule]), _points(report["markout_bps"][rule]))
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def plot(report: dict[str, Any], path: Path) -> None:
    """
    Draw how far each rule's share of filled orders is from the truth, by horizon.

    :raises ModuleNotFoundError: without matplotlib, which nothing else here needs.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(10, 5), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2), TITLES, strict=True):
        found = {s: row for s, row in report["probes"][kind].items() if row["n"]}
        for rule, name in NAMES.items():
            rows = [row["rules"][rule] for row in found.values()]
            bias = [row["bias"] for row in rows]
            below = [row["bias"] - row["bias_95"][0] for row in rows]
            above = [row["bias_95"][1] - row["bias"] for row in rows]
            axes.errorbar(list(found), bias, yerr=[below, above], marker="o", capsize=3, label=name)
        axes.axhline(0, color="grey", linewidth=1)
        axes.set_title(TITLES[kind], fontsize=9)
        axes.set_xlabel("filled within, seconds")
        axes.set_ylabel("points more than in truth")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
