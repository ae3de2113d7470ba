"""All markets of the embedded exchange, and the clock that drives them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

from freqtrade_ext.replica.candles import MINUTE_MS, Candles
from freqtrade_ext.replica.generator import Generator
from freqtrade_ext.replica.history import invent
from freqtrade_ext.replica.market import Market, Source
from freqtrade_ext.replica.path import Path
from freqtrade_ext.replica.perpetual import Perpetual
from freqtrade_ext.replica.scenarios import Leg, Scenario, Script, history, legs, of_pair
from freqtrade_ext.replica.symbols import Symbol, listed

Clock = Callable[[], int]
_WARM_UP_MS = 60_000
"""trades there are from before the start"""


def wall_clock_ms() -> int:
    return int(time.time() * 1000)


@dataclass(slots=True)
class Running:
    """A market and what drives it."""

    market: Market
    source: Source
    perpetual: Perpetual


class Exchange:
    """Markets by symbol name. `advance` plays them up to a time; nothing else lets time pass."""

    def __init__(self, clock: Clock = wall_clock_ms) -> None:
        self.now_ms = clock
        self.running: dict[str, Running] = {}

    @property
    def markets(self) -> list[Market]:
        return [running.market for running in self.running.values()]

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more on any market."""
        return all(running.source.is_over for running in self.running.values())

    def add(self, market: Market, source: Source) -> None:
        self.running[market.symbol.name] = Running(market, source, Perpetual(market))

    def advance(self, to_ms: int) -> None:
        """Play all markets up to a time; without threads, so it is the same each time."""
        for running in self.running.values():
            market = running.market
            if market.is_trading:
                for happening in running.source.until(to_ms):
                    running.perpetual.look(happening.ms)
                    market.apply(happening)
            market.candles.advance(to_ms)
            running.perpetual.look(to_ms)


def generate(
    pairs: Sequence[str], seed: int, scenario: Scenario, clock: Clock = wall_clock_ms, activity: float = 1.0
) -> Exchange:
    """An exchange of generated markets; the same seed and pair give the same orders since the start."""
    exchange = Exchange(clock)
    now_ms = clock()
    for index, pair in enumerate(pairs):
        exchange.add(
            *generated(listed(pair), f"{seed}/{pair}", of_pair(scenario, index), scenario, now_ms, activity)
        )
    exchange.advance(now_ms)
    return exchange


def generated(
    symbol: Symbol, seed: str, script: Script, then: Scenario, now_ms: int, activity: float
) -> tuple[Market, Generator]:
    """One generated market, warmed up since a minute before now."""
    start_ms = now_ms - _WARM_UP_MS
    candles = Candles(
        invent(symbol, symbol.start_rate, history(script), start_ms // MINUTE_MS * MINUTE_MS, now_ms, seed)
    )
    rng = Random(seed)
    market = Market(symbol, candles, update_id=50_000_000_000)
    way = chain([Leg(_WARM_UP_MS / 1000, 0.0004)], legs(script, then, rng))
    path = Path(symbol.start_rate, way, rng, start_ms)
    generator = Generator(market, path, rng, start_ms, activity)
    market.apply(generator.open_book(start_ms))
    return market, generator
