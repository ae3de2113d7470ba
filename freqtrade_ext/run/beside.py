"""Processes that run beside this one and end with it, however it ends: the bot, and the embedded exchange."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freqtrade_ext.run.places import LOGS

REPLICA_START_SECONDS = 60
STOP_SECONDS = 30
FAILS_SECONDS = 5
"""within which a process that was started wrongly ends"""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class StartError(RuntimeError):
    """The bot cannot be started; the message says why and what to do."""


@contextmanager
def embedded_exchange(folder: Path, config: Mapping[str, Any]) -> Iterator[Path]:
    """
    Run the embedded exchange on a free port of 127.0.0.1.

    :param folder: for its configuration.
    :param config: freqtrade's, which tells the pairs, and whether spot or futures are traded.
    :return: the configuration file that leads freqtrade to it.
    :raises StartError: it ended, or was not ready in time.
    """
    overlay = folder / "embedded.json"
    command = [sys.executable, "-m", "freqtrade_ext.replica", "--port", "0", "--overlay", str(overlay)]
    if config.get("trading_mode") == "futures":
        command.append("--futures")
    # BTC/USDT:USDT is the perpetual of BTC/USDT; `.*/USDT` names none
    pairs = [pair.partition(":")[0] for pair in config["exchange"].get("pair_whitelist", [])]
    if named := [pair for pair in dict.fromkeys(pairs) if re.fullmatch(r"[A-Za-z0-9]+/[A-Za-z0-9]+", pair)]:
        command += ["--pairs", *named]
    log = folder / "embedded.log"
    with log.open("w") as out:
        # its own session: Ctrl-C reaches the bot first, which still needs its market to end in order
        replica = start(command, start_new_session=True, stdout=out, stderr=out)
    try:
        wait_for(overlay, replica, log)
        yield overlay
    finally:
        replica.terminate()
        replica.wait()


def wait_for(overlay: Path, replica: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + REPLICA_START_SECONDS
    while not overlay.exists():
        if replica.poll() is not None:
            said = log.read_text(encoding="utf-8").strip()
            raise StartError(f"the embedded exchange ended with exit code {replica.returncode}: {said}")
        if time.monotonic() > deadline:
            raise StartError(f"the embedded exchange was not ready after {REPLICA_START_SECONDS} s")
        time.sleep(0.05)


@contextmanager
def running_beside(name: str, command: Sequence[str]) -> Iterator[None]:
    """
    Run a process beside the bot, with a log of its own, and end it after the bot.

    :raises StartError: it ends within the first seconds, as with a wrong configuration.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with log.open("a") as out:
        process = start(command, start_new_session=True, stdout=out, stderr=out)
    say(f"{name}: its log is {log}")
    try:
        deadline = time.monotonic() + FAILS_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if process.returncode is not None:
            raise StartError(f"the {name} ended at once with exit code {process.returncode}: see {log}")
        yield
    finally:
        if (status := process.poll()) is not None:
            say(f"the {name} has ended before the bot, exit code {status}: see {log}")
        process.send_signal(signal.SIGINT)
        end(process, name)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one."""
    # this process has a single thread, so nothing can be locked in the copy that runs this function
    return subprocess.Popen(command, preexec_fn=end_with_parent, **options)  # noqa: PLW1509


def end_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """
    Have Linux send this process a signal when its parent ends in any way; kept across `exec`.

    A parent with several threads sends it several times, and a second SIGTERM interrupts freqtrade's clean-up
    for good. A bot that is killed goes on at its next start where it was.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


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


def end(process: subprocess.Popen[bytes], name: str = "bot") -> None:
    """
    Wait until a process has ended in its own way, within limits.

    Told to stop while it starts, freqtrade says so and hangs: nobody ends its exchange's thread
    `ccxt_ws` (2026.9 commands/trade_commands.py `start_trading`).
    """
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        say(f"the {name} has not ended within {STOP_SECONDS} s and is killed")
    except KeyboardInterrupt:
        say(f"told again: the {name} is killed; its next start goes on from there")
    finally:
        process.kill()
        process.wait()


def say(text: str) -> None:
    print(f"freqtrade_ext: {text}", flush=True)
