"""
`freqtrade-ext trade`: choose the market, then run freqtrade's own `trade --dry-run` on it.

freqtrade runs as a child of this process. Where the exchange of config.json does not answer, the embedded
exchange (`freqtrade_ext.replica`) runs beside it, with a database for this run alone, and ends with the bot.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ccxt
import freqtrade
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from sqlalchemy import make_url

from freqtrade_ext.arguments import parser_of
from freqtrade_ext.report.command import default_url
from freqtrade_ext.run.beside import StartError, embedded_exchange, end_with_parent, start
from freqtrade_ext.run.live import RECORDINGS, TWIN_URL, beside, check_mode, record_command, twin_command
from freqtrade_ext.run.places import CONFIGS, default_config
from freqtrade_ext.strategy.screen import log_config

PRIVATE = Path("user_data/private.json")
EMBEDDED = "binance"
"""the exchange that the embedded one stands in for"""
UI = Path(freqtrade.__file__).parent / "rpc" / "api_server" / "ui" / "installed"
PROBE_TIMEOUT_MS = 4000
STOP_SECONDS = 30


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
    report = report_command(db_url or default_url(config)) + (f" --twin {TWIN_URL}" if known.twin else "")
    say(f"report, now or later: {report}")
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="freqtrade_ext-")))
        if known.verbose:
            more = [f"-{'v' * known.verbose}", *more]
        elif "log_config" not in config:
            configs.append(write_log_config(folder, db_url))
        if market == "embedded":
            configs.append(running.enter_context(embedded_exchange(folder, config)))
        others = {"recorder": record_command(config, configs) if known.record else None}
        others["twin"] = twin_command(config, files, folder) if known.twin else None
        for name, other in others.items():
            running.enter_context(beside(name, other))
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


def say(text: str) -> None:
    print(f"freqtrade_ext: {text}", flush=True)


def choose_market(wanted: str, exchange: Mapping[str, Any]) -> tuple[str, str]:
    """
    Decide where the bot trades.

    :param wanted: `auto`, `embedded` or the name of the configured exchange.
    :param exchange: the `exchange` section of the whole configuration, overlays included.
    :return: `embedded` or the exchange's name, and the reason in words.
    :raises StartError: the exchange is demanded and does not answer, or is not the configured one; or the
        embedded exchange, which is a Binance, is left for another one's configuration.
    """
    name = exchange["name"]
    if wanted not in ("auto", "embedded", name):
        raise StartError(f"MARKET must be auto, embedded or {name} (the exchange configured), is {wanted}")
    if wanted == "embedded":
        if name != EMBEDDED:
            raise StartError(f"the embedded exchange stands in for {EMBEDDED}, the configuration says {name}")
        return "embedded", "asked for; not the real market"
    # freqtrade itself would fail in market loading after 3 s and then hang until killed (2026.9)
    failure = probe(exchange)
    if failure is None:
        return name, "its public API answers"
    if wanted == name or name != EMBEDDED:
        hint = "; MARKET=embedded runs without it" if name == EMBEDDED else ""
        raise StartError(f"{name} does not answer ({failure}){hint}")
    return "embedded", f"{name} does not answer: {failure}; not the real market"


def probe(exchange: Mapping[str, Any]) -> str | None:
    """
    Ask the exchange for its time, without keys.

    :return: None if it answers, otherwise what went wrong, in one short line.
    :raises StartError: ccxt does not know the exchange.
    """
    client = getattr(ccxt, exchange["name"], None)
    if client is None:
        raise StartError(f"ccxt knows no exchange named {exchange['name']}")
    try:
        time_ms = client({**exchange.get("ccxt_config", {}), "timeout": PROBE_TIMEOUT_MS}).fetch_time()
    except ccxt.BaseError as error:
        return type(error).__name__
    # a login page of a hotel answers everything with status 200
    return "no time in the answer" if time_ms is None else None


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
    if not os.access(PRIVATE.parent, os.W_OK):
        what = "cannot be written to" if PRIVATE.parent.exists() else "does not exist"
        raise StartError(f"{PRIVATE.parent} {what}: the bot keeps its database there (chown or mkdir it)")
    return files


def private_config(config: Mapping[str, Any]) -> list[str]:
    """
    Return the configuration that serves FreqUI with secrets of its own; none where the user has an API.

    :raises StartError: the port of the user's API is in use, and freqtrade would wait for it for ever
        (2026.9 uvicorn_threaded.py).
    """
    if (own := config.get("api_server")) is not None:
        if own.get("enabled") and not port_is_free(own["listen_ip_address"], own["listen_port"]):
            raise StartError(
                f"port {own['listen_port']} of api_server is in use: is this bot running already?"
            )
        return []
    write_private(PRIVATE)
    api = json.loads(PRIVATE.read_text())["api_server"]
    if not port_is_free(api["listen_ip_address"], api["listen_port"]):
        say(f"port {api['listen_port']} is in use: this bot runs without FreqUI's API")
        return []
    page = f"http://{api['listen_ip_address']}:{api['listen_port']}, user and password in {PRIVATE}"
    is_there = (UI / "index.html").exists()
    say(f"FreqUI: {page}" if is_there else f"FreqUI: `freqtrade install-ui` gets it; then {page}")
    return [str(PRIVATE)]


def write_private(path: Path) -> None:
    """Write random secrets for FreqUI's API, readable by their owner alone; keep an existing file."""
    api_server = {
        "enabled": True,
        "listen_ip_address": "127.0.0.1",
        "listen_port": 8080,
        "username": "freqtrader",
        "password": secrets.token_urlsafe(24),
        "jwt_secret_key": secrets.token_urlsafe(32),
        "ws_token": secrets.token_urlsafe(24),
        "CORS_origins": [],
        "verbosity": "error",
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        json.dump({"api_server": api_server}, file, indent=4)


def port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe_socket:
        # as uvicorn does, so that a port of a bot that has just ended counts as free
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((host, port))
        except OSError:
            return False
    return True


def write_log_config(folder: Path, db_url: str | None) -> Path:
    """Write the configuration of a log for people; the whole one is a file named like the database."""
    name = Path(make_url(db_url).database or "").stem if db_url else ""
    log = PRIVATE.parent / "logs" / f"{name or 'trade'}.log"
    path = folder / "log.json"
    path.write_text(json.dumps({"log_config": log_config(log)}), encoding="utf-8")
    return path


def report_command(db_url: str) -> str:
    """Return what to type for a report on a database, wherever this environment's commands are."""
    program = "freqtrade-ext"
    if shutil.which(program) is None:
        own = Path(sys.executable).with_name(program)
        program = str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)
    return f"{program} report --db-url {db_url}"


def new_database() -> str:
    """Return a database for this run alone: the embedded market starts afresh, without old trades."""
    return f"sqlite:///{PRIVATE.with_name(f'embedded-{datetime.now():%Y%m%d-%H%M%S}.sqlite')}"


def run(command: Sequence[str], *, is_quiet: bool) -> int:
    """
    Run the bot to its end, and see to that end when this process is told to stop.

    :param is_quiet: leave out what freqtrade logs before it reads `log_config`, except warnings and errors.
    """
    # in a session of its own, so that Ctrl-C reaches it through this process alone, and once
    options: dict[str, Any] = {"start_new_session": True}
    if is_quiet:
        # freqtrade breaks lines where the terminal ends
        options |= {"stderr": subprocess.PIPE, "env": {**os.environ, "COLUMNS": "100000"}}
    bot = start(command, **options)
    try:
        for line in bot.stderr or ():
            if b" - INFO - " not in line:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()
        return bot.wait()
    except KeyboardInterrupt:
        bot.send_signal(signal.SIGINT)
        end(bot)
        return 128 + signal.SIGINT
    finally:
        bot.terminate()
        end(bot)


def end(bot: subprocess.Popen[bytes]) -> None:
    """
    Wait until the bot has ended in its own way, within limits.

    Told to stop while it starts, freqtrade says so and hangs: nobody ends its exchange's thread
    `ccxt_ws` (2026.9 commands/trade_commands.py `start_trading`).
    """
    try:
        bot.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        say(f"the bot has not ended within {STOP_SECONDS} s and is killed")
    except KeyboardInterrupt:
        say("told again: the bot is killed; its next start goes on from there")
    finally:
        bot.kill()
        bot.wait()
