"""
Replay markets in processes of their own, as many at once as there are workers.

Where these run is joblib's matter: on this machine, or on the workers of a Dask scheduler. What comes back
is kept in a file for each market, so that an interrupted run goes on where it was. freqtrade is not imported
here: a worker only waits for the process it has started.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config

WORDS_KEPT = 500
"""last characters of what a market that failed has said"""


class MarketsError(RuntimeError):
    """The markets cannot be run; the message says why."""


def run_market(name: str, arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """
    Replay one market in a process of its own, here or on a worker: virtual time is a whole process's.

    :return: its name and its figures; where it did not get to its end, only `error`, its last words.
    """
    with tempfile.TemporaryDirectory(prefix="freqtrade_ext-") as folder:
        result = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "freqtrade_ext", "replay", *arguments]
        command += ["--report", folder, "--json", str(result)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        figures = json.loads(result.read_text()) if result.exists() else {}
        if done.returncode or not figures.get("is_over"):
            return name, {"error": (done.stdout + done.stderr).strip()[-WORDS_KEPT:]}
        return name, figures


def run_markets(
    markets: dict[str, list[str]],
    common: Sequence[str],
    files: dict[str, Path],
    jobs: int,
    scheduler: str | None,
    say: Callable[[str], None] = print,
) -> dict[str, dict[str, Any]]:
    """
    Run the markets that have no result yet, and return the figures of all by name, in the order given.

    :param common: arguments of all of them.
    :param files: for the result of each market.
    :param jobs: processes at once on this machine.
    :param scheduler: address of a Dask scheduler, whose workers run them instead.
    :raises MarketsError: dask is not installed, or no market got to its end.
    """
    waiting = [name for name in markets if not files[name].exists()]
    if len(waiting) < len(markets):
        say(f"{len(markets) - len(waiting)} of {len(markets)} markets are done already")
    started = time.monotonic()
    with _workers(jobs, scheduler):
        tasks = (delayed(run_market)(name, [*common, *markets[name]]) for name in waiting)
        for done, (name, figures) in enumerate(Parallel(return_as="generator_unordered")(tasks), 1):
            if "error" in figures:
                say(f"{name} failed: {figures['error']}")
                continue
            # whole or not at all, whatever ends this process
            unfinished = files[name].with_suffix(".unfinished")
            unfinished.write_text(json.dumps(figures) + "\n")
            unfinished.rename(files[name])
            left = timedelta(seconds=round((time.monotonic() - started) / done * (len(waiting) - done)))
            profit = 100 * figures["profit_abs"] / figures["start"]
            say(f"{name}: {profit:+.1f} %, {figures['trades']} trades; {done} of {len(waiting)}, {left} left")
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    if not found:
        raise MarketsError("no market got to its end")
    return found


@contextmanager
def _workers(jobs: int, scheduler: str | None) -> Iterator[None]:
    if scheduler is None:
        with parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
    try:
        from dask.distributed import Client
    except ModuleNotFoundError as error:
        raise MarketsError("--scheduler needs Dask: pip install 'dask[distributed]'") from error
    with Client(scheduler), parallel_config(backend="dask"):
        yield
