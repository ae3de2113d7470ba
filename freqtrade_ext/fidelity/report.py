"""Show a report: tables for the terminal, one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from freqtrade_ext.fidelity.score import Errors

ROWS = {"all": "all", "multi_level": "several levels", "ge_5k": ">= 5,000 quote"}
COLUMNS = ("mean_bps", "mae_bps", "p1_bps", "p50_bps", "p99_bps")
PLOTTED_BPS = 5.0


def tables(report: dict[str, Any]) -> list[Table]:
    """Lay out a report for reading."""
    return [_sweeps(report), _others(report)]


def _sweeps(report: dict[str, Any]) -> Table:
    events, speed = report["events"], report["events_per_second"]
    table = Table(
        title=f"{report['symbol']}: errors in bps of predicted executions, positive: paid more",
        caption=f"{events:,} events at {speed:,} events/s",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("predicted by", no_wrap=True)
    for name in ("n", "mean", "mae", "p1", "p50", "p99", "in 0.1"):
        table.add_column(name, justify="right", no_wrap=True)
    sources = {
        "ours": (report["sweeps"], "ours"),
        "ours, by clocks": (report["alignment"]["ours_by_clocks_alone"], None),
        "stock freqtrade": (report["sweeps"], "stock"),
        "stock, our book": (report["stock_on_our_book"], None),
    }
    for group, title in ROWS.items():
        table.add_row(title)
        for label, (figures, method) in sources.items():
            row = figures[group] if method is None else figures[group][method]
            share = row["share_within_0.1bp"]
            cells = [_bps(row[name]) for name in COLUMNS]
            cells.append("-" if share is None else f"{share:.1%}")
            table.add_row(f"  {label}", str(row["n"]), *cells)
        table.add_section()
    return table


def _bps(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if abs(value) < 10 else f"{value:+.1f}"


def _others(report: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    alignment, resting = report["alignment"], report["resting"]
    found = f"own update {alignment['own_update']}, clocks {alignment['clock']}"
    if lacking := ", ".join(alignment["without_best_bid_ask"]):
        found += f"\n{lacking}: no best bid/ask stream, so its top is as old as its last difference"
    table.add_row("book found by", found)
    excluded = [f"{reason}: {count}" for reason, count in report["excluded"].items()]
    table.add_row("left out", "\n".join(excluded) or "nothing")
    table.add_row("damaged lines", str(report["skipped_lines"]))
    offset = report["clock_offset_ms"]
    table.add_row(
        "recorder's clock", "-" if offset is None else f"{offset:+.1f} ms to the exchange's, or less"
    )
    rules = ("pessimistic", "expected", "optimistic", "stock")
    shares = [f"{rule} {resting[rule]:.1%}" for rule in rules if resting[rule] is not None]
    joins = f"of {resting['joins']} joins at the best level filled in {resting['within_s']} s:"
    table.add_row("resting orders", f"{joins}\n{', '.join(shares) or '-'}")
    drift = [f"{after} {bps:+.2f}" for after, bps in report["drift_bps"].items() if bps is not None]
    table.add_row("drift after a sweep, bps", ", ".join(drift) or "no best bid/ask stream")
    return table


def plot(report: dict[str, Any], errors: dict[str, Errors], path: Path) -> None:
    """
    Draw which share of all sweeps is predicted within which error.

    :param errors: in bps, by method.
    :raises ModuleNotFoundError: without matplotlib, which nothing else here needs.
    :raises ValueError: for a kind of picture that matplotlib does not know.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for method, label in (("ours", "freqtrade_ext"), ("stock", "stock freqtrade")):
        sizes = sorted(abs(error) for error in errors[method])
        shares = [(rank + 1) / len(sizes) for rank in range(len(sizes))]
        axes.step(sizes, shares, where="post", label=label)
    axes.axvline(0.1, color="grey", linestyle=":", linewidth=1)
    axes.set_xscale("symlog", linthresh=0.1)
    axes.set_xlim(0, PLOTTED_BPS * 4)
    axes.set_xlabel("error of the predicted average rate, bps (linear up to 0.1)")
    axes.set_ylabel("share of sweeps predicted at least this well")
    axes.set_title(f"{report['symbol']}, {report['sweeps']['all']['ours']['n']:,} sweeps")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
