"""
freqtrade that counts what it does: `python -m benchmarks.inside SAMPLES SECONDS trade --dry-run ...`.

Every so many seconds a JSON line is added to SAMPLES: counts since the start, the loops since the last line,
and what the process holds. When the bot ends, one more: how long a callback takes when freqtrade calls it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import timeit
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import ccxt
import ccxt.async_support
import psutil
import sqlalchemy
from ccxt.async_support.base.ws.client import Client
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.main import main
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

CALLBACK_SECONDS = 0.5
SAMPLER = "sampler"


class Loop(NamedTuple):
    cpu_ms: float
    """of the bot's own thread"""
    queries: int
    analyzed: int
    """pairs with a new candle"""


class Meter:
    def __init__(self, samples: Path, seconds: float) -> None:
        self._samples, self._seconds = samples, seconds
        self._loops: list[Loop] = []
        self._requests: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._event_loops: list[asyncio.AbstractEventLoop] = []

    def install(self) -> None:
        FreqtradeBot.process = self._around_process(FreqtradeBot.process)
        FreqtradeBot.cleanup = self._before_cleanup(FreqtradeBot.cleanup)
        IStrategy.analyze_ticker = self._counted("analyzed", IStrategy.analyze_ticker)
        for client in (ccxt.Exchange, ccxt.async_support.Exchange):
            client.fetch = self._requested(client.fetch)
        Client.handle_message = self._counted("messages", Client.handle_message)
        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", self._query)
        threading.Thread(target=self._sample_for_ever, name=SAMPLER, daemon=True).start()

    def _around_process(self, process: Callable[[FreqtradeBot], None]) -> Callable[[FreqtradeBot], None]:
        @wraps(process)
        def measured(bot: FreqtradeBot) -> None:
            exchange = bot.exchange
            owners = (exchange, getattr(exchange, "_exchange_ws", None), getattr(exchange, "feed", None))
            loops = [getattr(owner, "loop", getattr(owner, "_loop", None)) for owner in owners]
            self._event_loops = [loop for loop in loops if loop is not None]
            queries, analyzed, cpu = self._counts["queries"], self._counts["analyzed"], time.thread_time()
            process(bot)
            cpu = time.thread_time() - cpu
            counts = self._counts
            self._loops.append(Loop(cpu * 1e3, counts["queries"] - queries, counts["analyzed"] - analyzed))

        return measured

    def _counted(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counted(*args: Any) -> Any:
            self._counts[what] += 1
            return call(*args)

        return counted

    def _requested(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(fetch)
        def counted(client: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            self._requests[urlsplit(url).path] += 1
            return fetch(client, url, *args, **kwargs)

        return counted

    def _query(self, *_: object) -> None:
        self._counts["queries"] += 1

    def _before_cleanup(self, cleanup: Callable[[FreqtradeBot], None]) -> Callable[[FreqtradeBot], None]:
        @wraps(cleanup)
        def measured(bot: FreqtradeBot) -> None:
            if self._event_loops:  # it has looped at all
                self._write({"callbacks_us": callback_times(bot)})
            cleanup(bot)

        return measured

    def _sample_for_ever(self) -> None:
        while True:
            time.sleep(self._seconds)
            loops, self._loops = self._loops, []
            sample = {"time": time.time(), "cpu": cpu_seconds(), "loops": loops, "requests": self._requests}
            sample["messages"] = self._counts["messages"]
            self._write({**sample, "held": self._held()})

    def _held(self) -> dict[str, float]:
        files = []
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):  # closed meanwhile
                files.append(os.readlink(f"/proc/self/fd/{name}"))
        return {
            "memory_mb": psutil.Process().memory_info().rss / 1e6,
            "threads": threading.active_count(),
            "files": len(files),
            "sockets": sum(file.startswith("socket:") for file in files),
            "tasks": sum(len(asyncio.all_tasks(loop)) for loop in self._event_loops),
        }

    def _write(self, sample: dict[str, Any]) -> None:
        with self._samples.open("a") as file:
            file.write(json.dumps(sample) + "\n")


def cpu_seconds() -> dict[str, float]:
    """CPU time by thread; what measures is left out, and all that C code started counts as `others`."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    seconds: Counter[str] = Counter()
    for thread in psutil.Process().threads():
        seconds[names.get(thread.id, "others")] += thread.user_time + thread.system_time
    return {name: spent for name, spent in seconds.items() if name != SAMPLER}


def callback_times(bot: FreqtradeBot) -> dict[str, float]:
    """Microseconds of a callback of an open trade, with freqtrade's own wrapping of it."""
    trade, now = next(iter(Trade.get_open_trades()), None), datetime.now(UTC)
    if trade is None:
        return {}
    dataframe, _ = bot.dataprovider.get_analyzed_dataframe(trade.pair, bot.strategy.timeframe)
    known = {"trade": trade, "pair": trade.pair, "current_time": now, "current_rate": trade.open_rate}
    asked = {
        "custom_stoploss": {**known, "current_profit": 0.0, "after_fill": False},
        "adjust_trade_position": {
            **known,
            "current_profit": 0.0,
            "min_stake": 5.0,
            "max_stake": 100.0,
            "current_entry_rate": trade.open_rate,
            "current_exit_rate": trade.open_rate,
            "current_entry_profit": 0.0,
            "current_exit_profit": 0.0,
        },
        "plot_annotations": {
            "pair": trade.pair,
            "start_date": now - timedelta(days=1),
            "end_date": now,
            "dataframe": dataframe,
        },
    }
    times = {}
    for name, values in asked.items():
        wrapped = strategy_safe_wrapper(getattr(bot.strategy, name), supress_error=True)
        timer = timeit.Timer(partial(wrapped, **values))
        timer.timeit(1)  # what it says once, it has said
        number, seconds = 1, 0.0
        while seconds < CALLBACK_SECONDS:
            number *= 2
            seconds = timer.timeit(number)
        times[name] = seconds / number * 1e6
    return times


if __name__ == "__main__":
    samples_, seconds_, *freqtrade_arguments = sys.argv[1:]
    Meter(Path(samples_), float(seconds_)).install()
    main(freqtrade_arguments)
