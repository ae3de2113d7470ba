"""The embedded exchange inside a process that does other things, such as a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from freqtrade_ext.replica.exchange import Clock, generate, wall_clock_ms
from freqtrade_ext.replica.overlay import overlay
from freqtrade_ext.replica.playback import play
from freqtrade_ext.replica.scenarios import Scenario
from freqtrade_ext.replica.server import HOST, Server

DEFAULT_PAIRS = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT", "XRP/USDT")


class Replica:
    """
    `with Replica(seed=1, scenario="rise") as replica:` serves on a free port from a thread of its own.

    :param clock: ms since 1970; another one than the wall clock lets the exchange live in virtual time.
    :param activity: factor on the number of orders of the generated market.
    :param recording: raw recorder files to play instead, in this order.
    :param speed: recorded seconds per second.
    :param loop: begin the recording anew when it ends.
    """

    def __init__(
        self,
        seed: int = 1,
        pairs: Sequence[str] = DEFAULT_PAIRS,
        scenario: Scenario = "live",
        port: int = 0,
        clock: Clock = wall_clock_ms,
        activity: float = 1.0,
        recording: Sequence[Path] = (),
        speed: float = 1.0,
        loop: bool = False,
    ) -> None:
        self._is_recorded = bool(recording)
        if recording:
            self.exchange = play(recording, speed, loop, clock)
        else:
            self.exchange = generate(pairs, seed, scenario, clock, activity)
        self.port = port
        self._server = Server(self.exchange)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="replica", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def overlay(self, *, is_futures: bool = False) -> dict[str, Any]:
        """The freqtrade configuration that leads a bot here."""
        return overlay(self.url, is_futures=is_futures, is_recorded=self._is_recorded)

    def advance(self, to_ms: int) -> None:
        """Play the market up to a time, and return when that is done."""
        self.call(lambda: self._server.advance(to_ms))

    def call(self, action: Callable[[], None]) -> None:
        """Do something in the exchange's own thread, between two answers, and return when that is done."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    def __enter__(self) -> Replica:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._server.running(self.port) as self.port:
            self._ready.set()
            await self._stop.wait()
