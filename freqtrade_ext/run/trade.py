"""
`freqtrade-ext trade`: choose the market, then run freqtrade's own `trade --dry-run` on it.

Where the exchange of config.json answers, freqtrade replaces this process. Otherwise the embedded exchange
(`freqtrade_ext.replica`) runs beside it, with a database for this run alone, and ends with the bot.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import ccxt
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException

from freqtrade_ext.arguments import parser_of

CONFIG = Path("config.json")
PRIVATE = Path("user_data/private.json")
EMBEDDED = "binance"
"""the exchange that the embedded one stands in for"""
PROBE_TIMEOUT_MS = 4000
REPLICA_START_SECONDS = 60
STOP_SECONDS = 30
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class StartError(RuntimeError):
    """The bot cannot be started; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the bot on the market asked for.

    :param arguments: command line; what is not known here goes to freqtrade unchanged.
    :return: freqtrade's exit code, 1 if it could not be started.
    """
    parser = parser_of(
        "trade",
        "Trade on paper: freqtrade's own `trade --dry-run` with config.json, on the exchange configured "
        "there. Where that does not answer, on the embedded exchange. All other arguments are freqtrade's "
        "(`freqtrade trade --help` lists them).",
    )
    parser.add_argument(
        "--market",
        default="auto",
        help="auto (the configured exchange where it answers), embedded, or that exchange's name",
    )
    parser.add_argument(
        "-c", "--config", action="append", default=[], help=f"merged over {CONFIG}, as freqtrade does"
    )
    known, more = parser.parse_known_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup wants the bot to live on
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    if "MAKELEVEL" in os.environ:
        # told to stop, make stops the shell between it and its commands, and leaves these running
        end_with_parent(signal.SIGTERM)
    try:
        config = load_from_files([str(CONFIG), *known.config])
        market, why = choose_market(known.market, config["exchange"])
        say(f"market: {market} ({why})")
        command = [*freqtrade_command(), *(part for path in known.config for part in ("--config", path))]
        if market == "embedded":
            with embedded_exchange(config) as overlay:
                return run([*command, "--config", str(overlay), "--db-url", new_database(), *more])
    except (StartError, OSError, OperationalException) as error:
        say(f"not started: {error}")
        return 1
    return os.execv(command[0], [*command, *more])


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
        return name, "its public API answers; orders are paper"
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


def freqtrade_command() -> list[str]:
    """Return freqtrade's command line, with FreqUI's API where its port is free."""
    freqtrade = Path(sys.executable).with_name("freqtrade")
    command = [str(freqtrade), "trade", "--dry-run", "--config", str(CONFIG)]
    write_private(PRIVATE)
    api = json.loads(PRIVATE.read_text())["api_server"]
    address = (api["listen_ip_address"], api["listen_port"])
    if port_is_free(*address):
        command += ["--config", str(PRIVATE)]
    else:
        # freqtrade waits for ever for an API server that cannot bind (uvicorn_threaded.py, 2026.9)
        say(f"port {address[1]} is in use: this bot runs without FreqUI's API")
    return command


def write_private(path: Path) -> None:
    """Make random secrets for FreqUI's API, for their owner's eyes alone; keep an existing file."""
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


@contextmanager
def embedded_exchange(config: Mapping[str, Any]) -> Iterator[Path]:
    """
    Run the embedded exchange on a free port of 127.0.0.1.

    :param config: freqtrade's, which tells whether spot or futures are traded.
    :return: the configuration file that leads freqtrade to it.
    :raises StartError: it ended, or was not ready in time.
    """
    with tempfile.TemporaryDirectory(prefix="freqtrade_ext-") as folder:
        overlay = Path(folder) / "embedded.json"
        say("starting the embedded exchange ...")
        command = [sys.executable, "-m", "freqtrade_ext.replica", "--port", "0", "--overlay", str(overlay)]
        if config.get("trading_mode") == "futures":
            command.append("--futures")
        # its own session: Ctrl-C reaches the bot first, which still needs its market to end in order
        replica = start(command, start_new_session=True)
        try:
            wait_for(overlay, replica)
            yield overlay
        finally:
            replica.terminate()
            replica.wait()


def new_database() -> str:
    """Name a database for this run alone: the embedded market begins anew, old trades mean nothing in it."""
    path = PRIVATE.with_name(f"embedded-{datetime.now():%Y%m%d-%H%M%S}.sqlite")
    say(f"paper account of this run: {path}")
    return f"sqlite:///{path}"


def wait_for(overlay: Path, replica: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + REPLICA_START_SECONDS
    while not overlay.exists():
        if replica.poll() is not None:
            raise StartError(f"the embedded exchange ended with exit code {replica.returncode}")
        if time.monotonic() > deadline:
            raise StartError(f"the embedded exchange was not ready after {REPLICA_START_SECONDS} s")
        time.sleep(0.05)


def run(command: Sequence[str]) -> int:
    """Run the bot to its end, and see to that end when this process is told to stop."""
    bot = start(command)
    try:
        return bot.wait()
    except KeyboardInterrupt:
        # the terminal has told the bot as well
        end(bot)
        return 128 + signal.SIGINT
    finally:
        bot.terminate()
        end(bot)


def start(command: Sequence[str], *, start_new_session: bool = False) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one."""
    # this process has a single thread, so nothing can be locked in the copy that runs this function
    return subprocess.Popen(
        command,
        start_new_session=start_new_session,
        preexec_fn=end_with_parent,  # noqa: PLW1509
    )


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """
    Let Linux send this process a signal when the parent ends, in whatever way; it outlives `exec`.

    A parent with several threads sends it several times, and a second SIGTERM interrupts freqtrade's clean-up
    for good. A bot that is killed goes on at its next start where it was.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


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
        bot.kill()
        bot.wait()
