"""`freqtrade-ext report`: write the page, print the tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from freqtrade.misc import deep_merge_dicts
from rich.console import Console
from sqlalchemy import make_url

from freqtrade_ext.arguments import parser_of
from freqtrade_ext.report.database import DatabaseError, read_about, read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.page import render
from freqtrade_ext.report.terminal import print_report, print_table
from freqtrade_ext.report.twin import twin_tables
from freqtrade_ext.report.urls import newest_url
from freqtrade_ext.text import number

CONFIG = Path("config.json")
PAGE = "report.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 where there is nothing to report on."""
    parser = parser_of(
        "report",
        "Show what a bot earned and what trading cost it: writes one HTML page and prints its tables.",
    )
    parser.add_argument(
        "--db-url",
        metavar="URL",
        help="default: that of config.json, or the newest of freqtrade's paper account and the embedded "
        "exchange's runs",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("user_data/plot"), help="default: %(default)s"
    )
    parser.add_argument(
        "--twin",
        metavar="URL",
        help="database of the paper bot that ran beside: both are matched, and their difference is explained",
    )
    known = parser.parse_args(arguments)
    try:
        config = read_config()
        db_url = known.db_url or newest_url(config)
        trades, about = read_trades(db_url), read_about(db_url)
        report = make_report(trades, start_balance(config, trades[-1].currency) if trades else None)
        known.out.mkdir(parents=True, exist_ok=True)
        page = known.out / PAGE
        twin = twin_tables(trades, read_trades(known.twin), report.currency) if known.twin else []
        drawn = render(report, str(make_url(db_url)), datetime.now(UTC), about, twin)
        page.write_text(drawn, encoding="utf-8")
    except (DatabaseError, OperationalException, OSError) as error:
        print(f"freqtrade-ext report: {error}", file=sys.stderr)
        return 1
    print_report(report, Console())
    for table in twin[:1]:  # the page has them trade by trade
        print_table(table, Console())
    if known.db_url is None:
        print(f"database: {make_url(db_url)}")
    print(f"page: {page}")
    return 0


def read_config() -> dict[str, Any]:
    """Read config.json and freqtrade's environment variables; empty where there is neither."""
    config = load_from_files([str(CONFIG)]) if CONFIG.exists() else {}
    return deep_merge_dicts(environment_vars_to_dict(), config)


def start_balance(config: Mapping[str, Any], currency: str) -> float | None:
    """Return the paper account's first balance; None for a real account, whose start is not recorded."""
    wallet = config.get("dry_run_wallet") if config.get("dry_run") else None
    return number(wallet.get(currency) if isinstance(wallet, dict) else wallet) or None
