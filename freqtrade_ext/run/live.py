"""What runs beside a bot that trades for real: a recorder of its market, and a paper bot with its signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freqtrade.configuration.environment_vars import environment_vars_to_dict
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.run.beside import StartError, start
from freqtrade_ext.run.places import SERVICES

TWIN_URL = "sqlite:///user_data/twin.sqlite"
RECORDINGS = Path("user_data/recordings")
LOGS = Path("user_data/logs")
RECORDED_MINUTES = 525_600
"""a year, unless the bot ends before"""
START_SECONDS, END_SECONDS = 5, 30


def check_mode(config: Mapping[str, Any], *, is_live: bool, has_twin: bool) -> None:
    """
    Make sure that real money is traded where both the command and the configuration say so.

    :raises StartError: one of them does not.
    """
    whole = deep_merge_dicts(environment_vars_to_dict(), dict(config))
    if is_live and whole.get("dry_run", True) is not False:
        raise StartError(
            "--live trades real money, and the configuration does not say dry_run: false; "
            "name one that does, e.g. --config user_data/live.json"
        )
    if has_twin and not is_live:
        raise StartError("--twin is a paper bot beside one that trades for real: it needs --live")


def twin_command(config: Mapping[str, Any], files: Sequence[str], folder: Path) -> list[str]:
    """
    Return what starts the paper twin: the same configuration and money, a database of its own, no services.

    :param config: of the live bot.
    :param files: that it comes from.
    :param folder: for the twin's overlay.
    """
    overlay: dict[str, Any] = {
        "bot_name": f"{config.get('bot_name', 'freqtrade')} paper twin",
        **{service: {"enabled": False} for service in SERVICES if service in config},
    }
    if (capital := config.get("available_capital")) is not None:
        # the paper account has what the live bot may use of its own
        overlay["dry_run_wallet"] = capital
    path = folder / "twin.json"
    path.write_text(json.dumps(overlay), encoding="utf-8")
    configs = [part for file in (*files, str(path)) for part in ("--config", file)]
    return [sys.executable, "-m", "freqtrade", "trade", "--dry-run", "--db-url", TWIN_URL, *configs]


def record_command(config: Mapping[str, Any], files: Sequence[str | Path]) -> list[str]:
    """
    Return what records the pairs of a configuration.

    :param files: that lead to the exchange.
    :raises StartError: the configuration lists no pairs.
    """
    pairs = config["exchange"].get("pair_whitelist")
    if not pairs:
        raise StartError("--record needs exchange.pair_whitelist in the configuration: it lists no pairs")
    command = [sys.executable, "-m", "freqtrade_ext", "record", "--exchange", config["exchange"]["name"]]
    command += ["--out", str(RECORDINGS), "--minutes", str(RECORDED_MINUTES), "--pairs", *pairs]
    return [*command, *(part for file in files for part in ("--config", str(file)))]


@contextmanager
def beside(name: str, command: Sequence[str] | None) -> Iterator[None]:
    """
    Run a process beside the bot, with a log of its own, and end it after the bot.

    :param command: None runs nothing.
    :raises StartError: it ends within the first seconds, as with a wrong configuration.
    """
    if command is None:
        yield
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with log.open("a") as out:
        process = start(command, start_new_session=True, stdout=out, stderr=out)
    print(f"freqtrade_ext: {name}: its log is {log}", flush=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if process.returncode is not None:
            raise StartError(f"the {name} ended at once with exit code {process.returncode}: see {log}")
        yield
    finally:
        if (status := process.poll()) is not None:
            print(f"freqtrade_ext: the {name} has ended before the bot, exit code {status}: see {log}")
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
