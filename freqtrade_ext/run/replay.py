"""
`freqtrade-ext replay`: weeks of trading in minutes, by freqtrade's own loop in virtual time.

Unlike a backtest this is the bot itself: its worker, its REST requests to an exchange, here the embedded one
on loopback, its orders filled from order books after their latency, its database.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.commands import Arguments
from freqtrade.commands.trade_commands import start_trading
from freqtrade.configuration.load_config import load_from_files
from freqtrade.constants import DRY_RUN_WALLET
from freqtrade.exceptions import OperationalException
from freqtrade.misc import deep_merge_dicts
from freqtrade.system import gc_set_threshold

from freqtrade_ext.arguments import PairsAction, between, parser_of
from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.scenarios import SCENARIOS
from freqtrade_ext.report.command import main as write_report
from freqtrade_ext.report.command import start_balance
from freqtrade_ext.report.database import DatabaseError, read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.spread import market_figures
from freqtrade_ext.run.markets import replay_markets, seeds_of
from freqtrade_ext.run.places import services_off
from freqtrade_ext.run.virtual_time import Clock, VirtualTime
from freqtrade_ext.settings import Settings
from freqtrade_ext.tape import RecordingError

DAY_MS = 86_400_000
PROGRESS_SECONDS = 3
UNTIL_THE_CANDLE_SECONDS = 86_400
CANDLES = 250
"""fetched at once unless the configuration says otherwise; a strategy may start up on five times as many"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay a generated market or a recording through the bot's own loop, without waiting."""
    known = _parser().parse_args(arguments)
    if known.seeds or any(path.is_dir() for path in known.recording):
        return replay_markets(known)
    folder = known.report
    name = f"replay-{datetime.now():%Y%m%d-%H%M%S}"
    db_url = known.db_url or f"sqlite:///{folder / name}.sqlite"
    log = folder / f"{name}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_over = replay(known, db_url, log)
        if known.json is not None:
            write_figures(known, db_url, is_over)
    except (OperationalException, RecordingError, DatabaseError, OSError, ValueError) as error:
        print(f"freqtrade-ext replay: {error}", file=sys.stderr)
        return 1
    print(f"database: {db_url}\nlog: {log}")
    return write_report(["--db-url", db_url, "--out", str(folder)])


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "replay",
        "Run the bot through a generated market or a recording without waiting: its own loop, its own "
        "orders, in virtual time. Writes its database, its log and a report.",
    )
    add = parser.add_argument
    add(
        "--days",
        type=between(0.001, 3650.0),
        default=30.0,
        help="of virtual time, unless a recording ends before; default: %(default)g",
    )
    add("--seed", type=int, default=1, help="the same seed gives the same trades")
    add(
        "--seeds",
        type=seeds_of,
        metavar="1-100",
        help="many markets, each as `--seed` alone has it; what is done is kept, and shown as one result",
    )
    add("--jobs", type=between(1, 4096), default=1, help="markets at once; default: %(default)s")
    add("--scheduler", metavar="ADDRESS", help="of Dask, whose workers run the markets instead")
    add("--pairs", nargs="+", action=PairsAction, metavar="PAIR", help="default: those of the configuration")
    add("--scenario", choices=SCENARIOS, default="live", help="of the generated market")
    add("--activity", type=between(0.001, 100.0), default=0.02, help="factor on the number of others' orders")
    add(
        "--recording",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="play these files instead; folders: each is a market of its own",
    )
    add("--strategy", metavar="NAME", help="default: that of the configuration")
    add(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.json")],
        metavar="FILE",
        help="each is merged over the ones before; default: config.json",
    )
    add("--db-url", metavar="URL", help="default: a new one beside the report")
    add("--report", type=Path, default=Path("user_data/replay"), metavar="DIR", help="default: %(default)s")
    add("--json", type=Path, metavar="OUT", help="write the figures as JSON")
    add(
        "--every-loop",
        action="store_true",
        help="leave no loop out: for strategies that do something in each, whatever the rates",
    )
    return parser


def write_figures(known: argparse.Namespace, db_url: str, is_over: bool) -> None:
    """Write what this market brought, for a comparison of many."""
    config = load_from_files([str(file) for file in known.config])
    start = start_balance({**config, "dry_run": True}, config["stake_currency"]) or DRY_RUN_WALLET
    figures = market_figures(make_report(read_trades(db_url), start))
    known.json.write_text(json.dumps({"is_over": is_over, "days": known.days, **figures}) + "\n")


def replay(known: argparse.Namespace, db_url: str, log: Path) -> bool:
    """
    Trade until the end of the virtual time, and show how it gets on.

    :param known: the command line.
    :param db_url: where the bot keeps its trades.
    :param log: file for the bot's log; its times are virtual.
    :return: whether it came to its end, and was not interrupted.
    :raises freqtrade.exceptions.OperationalException: the configuration is wrong.
    :raises freqtrade_ext.tape.RecordingError: a file is no recording.
    :raises ValueError: there is nothing to play in the recordings, or nothing says which pairs.
    """
    files = [str(file) for file in known.config]
    config = load_from_files(files)
    listed = known.pairs or config["exchange"].get("pair_whitelist")
    if not listed:
        raise ValueError(f"{', '.join(files)} has no exchange.pair_whitelist: name the pairs with --pairs")
    # BTC/USDT:USDT is the perpetual of BTC/USDT
    pairs = [pair.partition(":")[0] for pair in listed]
    clock = Clock()
    start_ms = clock.ms
    exchange = Replica(
        known.seed, pairs, known.scenario, clock=clock, activity=known.activity, recording=known.recording
    )
    with tempfile.TemporaryDirectory(prefix="freqtrade_ext-") as folder, exchange as replica:
        virtual = VirtualTime(
            replica, clock, start_ms + round(known.days * DAY_MS), keep=Settings.from_config(config).keep
        )
        virtual.on_loop = progress = Progress(virtual)
        overlay = overlay_for(config, replica, known.seed, log)
        if known.strategy:
            overlay["strategy"] = known.strategy
        if not known.every_loop:
            # the worker itself shortens it to the next candle
            overlay["internals"]["process_throttle_secs"] = UNTIL_THE_CANDLE_SECONDS
        file = Path(folder) / "replay.json"
        file.write_text(json.dumps(overlay))
        command = ["trade", "--dry-run"]
        command += [part for path in (*files, str(file)) for part in ("--config", path)]
        # as freqtrade's own command does
        gc_set_threshold()
        with virtual.running(), suppress(KeyboardInterrupt):
            start_trading(Arguments([*command, "--db-url", db_url]).get_parsed_arg())
    progress.say()
    return virtual.is_over


def overlay_for(config: dict[str, Any], replica: Replica, seed: int, log: Path) -> dict[str, Any]:
    """
    Return what to merge over a freqtrade configuration for a bot in virtual time.

    :param config: that configuration.
    :param log: file for the bot's log.
    """
    own = config["exchange"].get("_ft_has_params", {})
    is_futures = config.get("trading_mode") == "futures"
    pairs = [
        market.symbol.perpetual if is_futures else market.symbol.pair for market in replica.exchange.markets
    ]
    changes: dict[str, Any] = {
        "exchange": {
            "pair_whitelist": pairs,
            "enable_ws": False,
            # ccxt's pauses between requests would be real ones
            "ccxt_config": {"enableRateLimit": False},
            # of the thousand it would ask for in each loop, it knows all but one
            "_ft_has_params": {"ohlcv_candle_limit": CANDLES, **own},
        },
        "internals": {"heartbeat_interval": 0},
        "freqtrade_ext": {"feed": False, "seed": seed},
        "log_config": {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(asctime)s %(name)s %(levelname)s %(message)s"}},
            "handlers": {
                "file": {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain"}
            },
            "root": {"handlers": ["file"], "level": "INFO"},
        },
    }
    return deep_merge_dicts(changes | services_off(config), replica.overlay(is_futures=is_futures))


class Progress:
    """Says every few seconds how far it is and how fast; called after each loop of the bot."""

    def __init__(self, virtual: VirtualTime) -> None:
        self._virtual = virtual
        self._start_ms = virtual.clock.ms
        self._started = self._said = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._said >= PROGRESS_SECONDS:
            self.say()
            self._said = time.monotonic()

    def say(self) -> None:
        passed_ms = self._virtual.clock.ms - self._start_ms
        seconds = time.monotonic() - self._started
        print(
            f"day {passed_ms / DAY_MS:.2f}: {self._virtual.loops} loops, "
            f"{passed_ms / 3_600_000 / seconds:.2f} virtual hours per second",
            flush=True,
        )
