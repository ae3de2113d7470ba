"""Virtual time: freqtrade's own loop and the embedded exchange on one clock, which moves without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import time_machine
from freqtrade.data.converter import converter
from freqtrade.exchange import exchange, timeframe_to_msecs
from freqtrade.persistence import Order, Trade
from freqtrade.worker import Worker
from pandas import DataFrame

from freqtrade_ext.feed.alarms import Alarm
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.market import Market
from freqtrade_ext.strategy.pace import alarm_of
from freqtrade_ext.strategy.position import read_position

START = datetime(2026, 1, 1, tzinfo=UTC)
"""always the same, so that the same seed gives the same dates"""
STEP_MS = 1000
"""between two looks at the rates: freqtrade's own throttle in real time"""
MOST_PATIENT_MS = 60_000
WITH_CANDLES = frozenset({"exit_signal"})
"""what a strategy keeps of its own that comes with candles, not at any rate"""

Action = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """An open trade's market, and the rates at which the bot has something to do."""

    market: Market
    alarm: Alarm
    at_any_rate: bool = False
    """whether the strategy has exits or entries of its own, which may come at any rate"""

    def is_ringing(self) -> bool:
        """Return whether the rate that an exit would get is beyond the stop or the next target."""
        best = self.best()
        return best is not None and not self.alarm.low < best / E8 < self.alarm.high

    def best(self) -> int | None:
        """Return the rate that an exit would get, in units of 1e-8."""
        return (self.market.asks if self.alarm.is_short else self.market.bids).best()


@dataclass(slots=True)
class Clock:
    """Milliseconds since 1970; read by the exchange, and through time-machine by all else."""

    ms: int = int(START.timestamp() * 1000)

    def __call__(self) -> int:
        return self.ms


@dataclass(slots=True)
class VirtualTime:
    """
    Moves the clock where the bot sleeps.

    Where it would sleep between two loops, the market goes on in steps of a second, and the bot is woken
    when the rate of an open trade is beyond its stop or its next target, when an order is open, and at the
    time it set itself. Where that is the next candle, only loops are left out that would find nothing to do:
    entries come with candles, exits with rates. A trade whose strategy may do something at any rate wakes
    the bot whenever its rate has changed.
    """

    replica: Replica
    clock: Clock
    end_ms: int
    """when it ends, for the bot as by Ctrl-C, unless a recording ends before"""
    on_loop: Action = lambda: None
    """called after each loop of the bot"""
    keep: Collection[str] = ()
    """what managed strategies keep of their own (settings)"""
    loops: int = 0
    _woke_ms: int = 0
    _patience_ms: int = STEP_MS

    @contextmanager
    def running(self) -> Iterator[None]:
        """Replace the clocks and sleeps of this process; asyncio and other threads keep waiting for real."""
        stock_sleep, stock_nap = time.sleep, Worker._sleep
        main_thread = threading.get_ident()
        with (
            time_machine.travel(self._seconds(), tick=False) as traveller,
            clean_candles_left_as_they_are(),
        ):

            def sleep(seconds: float) -> None:
                if threading.get_ident() != main_thread:
                    return stock_sleep(seconds)
                self._play(self.clock.ms + round(seconds * 1000))
                return traveller.move_to(self._seconds())

            def nap(seconds: float) -> None:
                self._nap(round(seconds * 1000))
                traveller.move_to(self._seconds())

            time.sleep, Worker._sleep = sleep, staticmethod(nap)  # type: ignore[assignment]
            try:
                yield
            finally:
                time.sleep, Worker._sleep = stock_sleep, staticmethod(stock_nap)

    def _seconds(self) -> float:
        """What the bot's clock shows."""
        return self.clock.ms / 1000

    def _nap(self, most_ms: int) -> None:
        """:raises KeyboardInterrupt: at the end."""
        self.loops += 1
        self.on_loop()
        watches = self._watches()
        until_ms = min(self.clock.ms + self._pause_ms(most_ms, watches), self.end_ms)
        self._play(until_ms, watches)
        self._woke_ms = self.clock.ms
        if self.is_over:
            raise KeyboardInterrupt

    @property
    def is_over(self) -> bool:
        """Whether the time, or the recording, has come to its end."""
        return self.clock.ms >= self.end_ms or self.replica.exchange.is_over

    def _pause_ms(self, most_ms: int, watches: Sequence[Watch]) -> int:
        """Return how long the bot may sleep at most, in ms."""
        # freqtrade counts its second from the beginning of the loop
        step_ms = max(self._woke_ms + STEP_MS - self.clock.ms, 0)
        if self.clock.ms != self._woke_ms or Order.get_open_orders():
            # what took time did something, an order or an error: look again at once
            self._patience_ms = STEP_MS
            return min(step_ms, most_ms)
        if any(watch.is_ringing() for watch in watches):
            # it was woken and did nothing: an exit waits for its next try
            self._patience_ms = min(2 * self._patience_ms, MOST_PATIENT_MS)
            return min(self._patience_ms, most_ms)
        self._patience_ms = STEP_MS
        return most_ms

    def _play(self, until_ms: int, watches: Sequence[Watch] = ()) -> None:
        """Play the market until then, or until a trade needs the bot."""
        # the market is the same however far it goes at once
        step_ms = STEP_MS if watches else until_ms - self.clock.ms
        silent = [watch for watch in watches if not watch.is_ringing()]
        seen = [(watch, watch.best()) for watch in watches if watch.at_any_rate]

        def play() -> None:
            while self.clock.ms < until_ms:
                self.clock.ms = min(self.clock.ms + step_ms, until_ms)
                self.replica.exchange.advance(self.clock.ms)
                if any(watch.is_ringing() for watch in silent) or any(w.best() != best for w, best in seen):
                    break

        self.replica.call(play)

    def _watches(self) -> list[Watch]:
        watches = []
        for trade in Trade.get_open_trades():
            stored, position = trade.get_custom_data("plan"), read_position(trade)
            plan = Plan.from_json(stored) if stored else None
            name = trade.pair.partition(":")[0].replace("/", "")
            market = self.replica.exchange.running[name].market
            alarm = alarm_of(plan, position, position.stage_asked)
            watches.append(Watch(market, alarm, plan is None or not WITH_CANDLES.issuperset(self.keep)))
        return watches


@contextmanager
def clean_candles_left_as_they_are() -> Iterator[None]:
    """
    Have freqtrade clean only candles that have gaps or contradict each other.

    What it does to the others changes nothing, and takes a third of the time of its loop (2026.9
    data/converter/converter.py `clean_ohlcv_dataframe`, twice for each candle).
    """
    stock = converter.clean_ohlcv_dataframe

    def clean(
        dataframe: DataFrame, timeframe: str, pair: str, *, drop_incomplete: bool, **more: Any
    ) -> DataFrame:
        length = np.timedelta64(timeframe_to_msecs(timeframe), "ms")
        known = dataframe if _are_regular(dataframe, length) else dataframe.drop_duplicates()
        if _are_regular(known, length):
            return known.iloc[: len(known) - drop_incomplete].reset_index(drop=True)
        return stock(dataframe, timeframe, pair, drop_incomplete=drop_incomplete, **more)

    homes = (converter, exchange)
    for home in homes:
        home.clean_ohlcv_dataframe = clean
    try:
        yield
    finally:
        for home in homes:
            home.clean_ohlcv_dataframe = stock


def _are_regular(candles: DataFrame, length: np.timedelta64) -> bool:
    """Return whether each candle begins where the one before it ends."""
    return bool((np.diff(candles["date"].to_numpy(dtype="datetime64[ms]")) == length).all())
