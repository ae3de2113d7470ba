"""
`freqtrade-ext trade`: choose the market, then run freqtrade's own `trade --dry-run` on it.

freqtrade runs as a child of this process. Where the exchange of config.json does not answer, the embedded
exchange (`freqtrade_ext.replica`) runs beside it, with a database for this run alone, and ends with the bot.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from sqlalchemy import make_url

from freqtrade_ext.arguments import parser_of
from freqtrade_ext.report.urls import default_url
from freqtrade_ext.run.beside import StartError, embedded_exchange, end_with_parent, run, running_beside, say
from freqtrade_ext.run.frequi import private_config
from freqtrade_ext.run.live import RECORDINGS, TWIN_URL, check_mode, record_command, twin_command
from freqtrade_ext.run.market_choice import choose_market
from freqtrade_ext.run.places import CONFIGS, LOGS, USER_DATA, default_config, program
from freqtrade_ext.strategy.screen_log import log_config


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the bot on the market asked for.

    :param arguments: command line; what is not known here goes to freqtrade unchanged.
    :return: freqtrade's exit code, 1 if it could not be started.
    """
    known, more = _parser().parse_known_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup wants the bot to live on
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    if "MAKELEVEL" in os.environ:
        # told to stop, make stops the shell between it and its commands, and leaves these running
        end_with_parent(signal.SIGTERM)
    try:
        return _trade(known, more)
    except (StartError, OSError, OperationalException) as error:
        say(f"not started: {error}")
        return 1


def _trade(known: argparse.Namespace, more: list[str]) -> int:
    """
    Start what was asked for, and return freqtrade's exit code.

    :param more: arguments for freqtrade.
    """
    files = config_files(known.config)
    config = load_from_files(files)
    check_mode(config, is_live=known.live, has_twin=known.twin)
    market, why = choose_market(
        config["exchange"]["name"] if known.live else known.market, config["exchange"]
    )
    say(f"market: {market} ({why}; orders are {'REAL' if known.live else 'paper'})")
    db_url = known.db_url or (new_database() if market == "embedded" else None)
    command = [sys.executable, "-m", "freqtrade", "trade", *([] if known.live else ["--dry-run"])]
    configs: list[str | Path] = [*files, *private_config(config)]
    report = f"{program('freqtrade-ext')} report --db-url {db_url or default_url(config)}"
    report += f" --twin {TWIN_URL}" if known.twin else ""
    say(f"report, now or later: {report}")
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="freqtrade_ext-")))
        if known.verbose:
            more = [f"-{'v' * known.verbose}", *more]
        elif "log_config" not in config:
            configs.append(write_log_config(folder, db_url))
        if market == "embedded":
            configs.append(running.enter_context(embedded_exchange(folder, config)))
        if known.record:
            running.enter_context(running_beside("recorder", record_command(config, configs)))
        if known.twin:
            running.enter_context(running_beside("twin", twin_command(config, files, folder)))
        command += [part for path in configs for part in ("--config", str(path))]
        command += ["--db-url", db_url] if db_url else []
        try:
            return run([*command, *more], is_quiet=not known.verbose)
        finally:
            say(f"report: {report}")


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "trade",
        "Trade on paper: freqtrade's own `trade --dry-run` with config.json or user_data/config.json, on "
        "the exchange configured there. Where that does not answer, on the embedded exchange. All other "
        "arguments are freqtrade's (`freqtrade trade --help` lists them).",
    )
    parser.add_argument(
        "--market",
        default="auto",
        help="auto (the configured exchange where it answers), embedded, or that exchange's name",
    )
    parser.add_argument(
        "-c", "--config", action="append", default=[], help="merged over that one, as freqtrade does"
    )
    parser.add_argument(
        "--db-url", help="default: freqtrade's own, or one for this run on the embedded exchange"
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="trade real money, where the configuration says `dry_run: false` (user_data/live.json does)",
    )
    parser.add_argument(
        "--twin", action="store_true", help=f"with --live: a paper bot beside it, {TWIN_URL} is its database"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"record order books and trades of the pairs beside the bot, into {RECORDINGS}",
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="freqtrade's whole log, here")
    return parser


def config_files(overlays: Sequence[str]) -> list[str]:
    """
    Return the configurations to merge: freqtrade's usual one, and those named.

    :raises StartError: there is none.
    """
    usual = default_config()
    files = [*([str(usual)] if usual.exists() else []), *overlays]
    if not files:
        raise StartError(
            f"there is no {' and no '.join(map(str, CONFIGS))} in {Path.cwd()}: go where freqtrade runs"
        )
    if not os.access(USER_DATA, os.W_OK):
        what = "cannot be written to" if USER_DATA.exists() else "does not exist"
        raise StartError(f"{USER_DATA} {what}: the bot keeps its database there (chown or mkdir it)")
    return files


def write_log_config(folder: Path, db_url: str | None) -> Path:
    """Write the configuration of a log for people; the whole one is a file named like the database."""
    name = Path(make_url(db_url).database or "").stem if db_url else ""
    log = LOGS / f"{name or 'trade'}.log"
    path = folder / "log.json"
    path.write_text(json.dumps({"log_config": log_config(log)}), encoding="utf-8")
    return path


def new_database() -> str:
    """Return a database for this run alone: the embedded market starts afresh, without old trades."""
    return f"sqlite:///{USER_DATA / f'embedded-{datetime.now():%Y%m%d-%H%M%S}.sqlite'}"
