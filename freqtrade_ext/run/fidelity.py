"""`freqtrade-ext fidelity FILE...`: the scoreboard of a recording."""

from __future__ import annotations

import json
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from freqtrade.exceptions import OperationalException
from rich.console import Console

from freqtrade_ext.arguments import PairsAction, between, parser_of
from freqtrade_ext.fidelity import own_report, resting_report
from freqtrade_ext.fidelity.progress import reading_bar
from freqtrade_ext.fidelity.reader import DEFAULT_STAKE
from freqtrade_ext.fidelity.report import plot, tables
from freqtrade_ext.fidelity.scoreboard import measure
from freqtrade_ext.fidelity.sentences import of_market_orders, of_resting_orders
from freqtrade_ext.report.database import DatabaseError
from freqtrade_ext.run.own_orders import compare, settings_of


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :return: exit code: 0, or 2 where a file cannot be used.
    """
    parser = parser_of(
        "fidelity",
        "Measure how true the fills are: predict each execution on a recorded tape from its order book, and "
        "compare with what was paid.",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="recorder files, played in this order"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the report as JSON")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the distribution of the errors")
    parser.add_argument(
        "--resting",
        action="store_true",
        help="the files are order-by-order tapes: compare resting orders with what real ones got",
    )
    parser.add_argument(
        "--stake",
        type=between(0.000001, 1e9),
        default=DEFAULT_STAKE,
        help="quote units of your own orders, for the sentences at the end; default: %(default)g",
    )
    parser.add_argument("--pairs", nargs="+", action=PairsAction, metavar="PAIR", help="of the sentences")
    parser.add_argument(
        "--own",
        metavar="DATABASE",
        help="file or URL: compare the real orders of a live bot, recorded beside it, with what the paper "
        "engine predicts for them, and say what to set",
    )
    parser.add_argument(
        "--config", type=Path, nargs="+", default=[], metavar="FILE", help="of --own; default: config.json"
    )
    options = parser.parse_args(arguments)
    try:
        if options.resting:
            return _resting(options)
        if options.own is not None:
            return _own(options)
        with reading_bar() as show:
            report, errors = measure(options.files, show, options.stake)
        for table in tables(report):
            Console().print(table)
        for pair in options.pairs or report["reader"]:
            _say(of_market_orders(pair, report["reader"].get(pair)))
        if options.json is not None:
            options.json.write_text(json.dumps(report, indent=2) + "\n")
        if options.plot is not None:
            plot(report, errors, options.plot)
    except (ValueError, OSError, ModuleNotFoundError, DatabaseError, OperationalException) as error:
        print(f"freqtrade-ext fidelity: {error}", file=sys.stderr)
        return 2
    return 0


def _resting(options: Namespace) -> int:
    # on demand: numba takes a second, and compiling some more at the first run
    from freqtrade_ext.fidelity.resting import WAIT_MS, measure_resting

    report = measure_resting(options.files)
    for table in resting_report.tables(report):
        Console().print(table)
    _say(of_resting_orders(report["checks"], WAIT_MS // 1000))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.plot is not None:
        resting_report.plot(report, options.plot)
    return 0


def _own(options: Namespace) -> int:
    settings = settings_of(options.config)
    with reading_bar() as show:
        found = compare(options.own, options.files, settings, show)
    for table in own_report.tables(found):
        Console().print(table)
    _say(own_report.sentences(found))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def _say(sentences: Iterable[str]) -> None:
    """Print sentences as a paragraph, each beginning a line."""
    for sentence in sentences:
        print(textwrap.fill(sentence, 110, subsequent_indent="  ", break_on_hyphens=False))
    print()
