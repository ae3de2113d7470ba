"""`freqtrade-ext costs RECORDING...`: learn what market orders cost, for backtests to charge."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from freqtrade_ext.arguments import between, parser_of
from freqtrade_ext.fidelity.cost_figures import LEAST_PROBES
from freqtrade_ext.fidelity.market_costs import measure_costs
from freqtrade_ext.fidelity.progress import reading_bar
from freqtrade_ext.fills.costs import ALL, PairCosts, read_costs, symbol_of
from freqtrade_ext.report.costs import half_spread_bps, slippage_bps
from freqtrade_ext.report.database import DatabaseError, read_trades, url_of
from freqtrade_ext.report.rows import OrderRow
from freqtrade_ext.settings import UNMEASURED_MS

COSTS = Path("user_data/costs.json")
SIZES = (50.0, 150.0, 500.0, 1_500.0, 5_000.0, 15_000.0)
LEAST_FILLS = 30
"""own fills of a size from which on they take the place of what the recorded book says of it"""
LATENCY_MS = fmean(UNMEASURED_MS)
ABOUT = (
    "What market orders cost beyond their fee, in basis points (bps) of the mid rate: half_spread_bps of the "
    "hour (UTC; 'all' where it has none), times range_factor (below, between and above the edges in "
    "range_percent: the range of the last 15 minutes), plus depth_bps of the order's size in quote currency, "
    "plus delay_bps for stops and minus it for targets. interval_bps: 5th and 95th percentile of spread and "
    "depth together. Written by `freqtrade-ext costs`, and yours to change."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :return: exit code: 0, or 2 where a file or the database cannot be used.
    """
    parser = parser_of(
        "costs",
        "Learn from recordings what market orders cost beyond their fee, by pair, size, hour and volatility; "
        "`backtest_costs` in the configuration has backtests charge it.",
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="RECORDING", help="recorder files, played in this order")
    add("--db", metavar="DATABASE", help="file or URL: own paper or live fills count as well")
    add("--out", type=Path, default=COSTS, metavar="FILE", help="pairs it has already stay; %(default)s")
    add(
        "--sizes",
        nargs="+",
        type=between(1e-9, 1e12),
        default=SIZES,
        metavar="SIZE",
        help="of orders, in quote currency; default: " + " ".join(f"{size:g}" for size in SIZES),
    )
    known = parser.parse_args(arguments)
    try:
        earlier = json.loads(known.out.read_text())["pairs"] if known.out.exists() else {}
        with reading_bar() as show:
            found = measure_costs(known.files, sorted(set(known.sizes)), LATENCY_MS, show)
        if not found:
            raise ValueError("no order book in these recordings was ever whole: nothing is known of costs")
        for line in add_own_fills(found, known.db, known.sizes) if known.db else ():
            print(line)
        write(known.out, earlier | found)
        costs = read_costs(known.out)
    except (ValueError, KeyError, TypeError, OSError, DatabaseError) as error:
        print(f"freqtrade-ext costs: {error}", file=sys.stderr)
        return 2
    Console().print(table({symbol: costs[symbol] for symbol in map(symbol_of, found)}, found))
    for symbol, figures in found.items():
        if (probes := figures["count"]["probes"]) < LEAST_PROBES:
            print(
                f"{symbol}: only {probes} looks at its book, {LEAST_PROBES} are ten minutes: this is a guess"
            )
    print(f'{known.out}: charge it in backtests by "freqtrade_ext": {{"backtest_costs": "{known.out}"}}')
    return 0


def write(path: Path, pairs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the file: a line for each figure, so that a person finds his way in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = []
    for symbol, figures in sorted(pairs.items()):
        lines = ",\n".join(
            f"      {json.dumps(name)}: {json.dumps(value)}" for name, value in figures.items()
        )
        blocks.append(f"    {json.dumps(symbol)}: {{\n{lines}\n    }}")
    body = ",\n".join(blocks)
    path.write_text(f'{{\n  "about": {json.dumps(ABOUT)},\n  "pairs": {{\n{body}\n  }}\n}}\n')


def add_own_fills(found: dict[str, dict[str, Any]], database: str, sizes: Sequence[float]) -> list[str]:
    """
    Put what own market orders paid beyond half the spread in place of the recorded depth.

    Stops are left out: they are decided on at their rate, and not at the best.

    :param database: file or URL.
    :return: what to say of it, a line for each pair.
    :raises DatabaseError: it cannot be read.
    """
    orders = [order for trade in read_trades(url_of(database)) for order in trade.fills]
    own: defaultdict[str, list[OrderRow]] = defaultdict(list)
    for order in orders:
        if order.record is not None and order.record.type == "market" and not order.is_stop:
            own[order.pair].append(order)
    lines = [f"{len(orders)} own fills, {sum(map(len, own.values()))} of them market orders with a record"]
    for pair, fills in sorted(own.items()):
        figures = found.get(symbol_of(pair))
        if figures is None:
            lines.append(f"{pair}: {len(fills)} own fills, but no recording tells its spread: left out")
            continue
        by_size: defaultdict[float, list[float]] = defaultdict(list)
        for fill in fills:
            if (bps := slippage_bps(fill)) is not None:
                if (from_middle := half_spread_bps(fill)) is not None:
                    # whichever side it was decided by; of it the recorded half is charged already
                    bps += from_middle - figures["half_spread_bps"][ALL]
                by_size[min(sizes, key=lambda size: abs(size - fill.cost))].append(bps)
        enough = {f"{size:g}": seen for size, seen in sorted(by_size.items()) if len(seen) >= LEAST_FILLS}
        figures["depth_bps"] |= {size: round(fmean(seen), 4) for size, seen in enough.items()}
        figures["count"]["own_fills"] = {f"{size:g}": len(seen) for size, seen in sorted(by_size.items())}
        lines.append(f"{pair}: {len(fills)} own fills, which count for {', '.join(enough) or 'no size'}")
    return lines


def table(costs: Mapping[str, PairCosts], found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return what an order of each size costs on average, by pair."""
    sizes = sorted({size for known in costs.values() for size in known.depth_bps})
    shown = Table(
        title="Cost of market orders beyond their fee, bps of the mid rate, by size in quote currency",
        caption="half spread and depth on average; a stop pays the delay as well, a target gains it",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    shown.add_column("pair", no_wrap=True)
    for name in ("probes", "hours", *(f"{size:,g}" for size in sizes), "delay"):
        shown.add_column(name, justify="right", no_wrap=True)
    for symbol, known in costs.items():
        count = found[symbol]["count"]
        cells = [
            f"{known.half_spread_bps[ALL] + known.depth_bps[size]:.2f}" if size in known.depth_bps else "-"
            for size in sizes
        ]
        shown.add_row(
            symbol, f"{count['probes']:,}", str(len(count["by_hour"])), *cells, f"{known.delay_bps:.2f}"
        )
    return shown
