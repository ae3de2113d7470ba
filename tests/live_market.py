"""A market whose queues matter, and what it hides from a live bot: an order's way, its place in the queue."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import time_machine

from freqtrade_ext.fills.queue import CANCEL_POWER
from freqtrade_ext.replica import rest
from freqtrade_ext.replica.book import BookSide, Resting
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.happenings import OPPOSITE, BuySell, Happening, Quotes, Take
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.private import Private
from freqtrade_ext.replica.streams import Channels
from freqtrade_ext.run.virtual_time import Clock
from freqtrade_ext.settings import MakerFill

CHANNELS = ("depth@100ms", "bookTicker", "trade")
EVENTS_PER_SECOND = 4.0
LEVELS = 12
UNIT_COST = 500.0
"""quote units of a usual order of others"""
PART_TAKEN = 0.25
"""of a usual order, that one which takes asks for: queues last longer than the bot's patience"""
SPACING = 0.0002
"""from level to level, as a ratio of the rate"""


class Ladder:
    """
    Others place, cancel and take at random, one order at a time, on levels that stay where they are.

    The generated market of the embedded exchange moves its whole ladder many times between two differences of
    the book, so that no queue lives long enough to be told.
    """

    is_over = False

    def __init__(self, market: Market, seed: str, now_ms: int) -> None:
        self._market, self._random, self._next_ms = market, random.Random(seed), float(now_ms)
        tick, middle = market.symbol.tick, market.last
        self._step = max(round(middle * SPACING / tick), 1) * tick
        self._unit = round(UNIT_COST * E8 * E8 / middle / market.symbol.step) * market.symbol.step
        low = middle // self._step * self._step
        market.apply(
            Quotes(
                now_ms,
                [(low - i * self._step, self._amount()) for i in range(LEVELS)],
                [(low + (i + 1) * self._step, self._amount()) for i in range(LEVELS)],
                whole=True,
            )
        )

    def _amount(self, part: float = 1.0) -> int:
        step = self._market.symbol.step
        return max(round(part * self._unit * self._random.uniform(0.2, 2.0) / step), 1) * step

    def until(self, ms: int) -> Iterator[Happening]:
        while self._next_ms <= ms:
            yield from self._event(int(self._next_ms))
            self._next_ms += 1000 * self._random.expovariate(EVENTS_PER_SECOND)

    def _event(self, ms: int) -> Iterator[Happening]:
        side: BuySell = self._random.choice(("buy", "sell"))
        what = self._random.choices(("place", "cancel", "take"), (0.5, 0.44, 0.06))[0]
        if what == "take":
            yield Take(ms, OPPOSITE[side], self._amount(PART_TAKEN))
            side = OPPOSITE[side]
        book = self._market.side(side)
        rates = list(book.rates())
        away = -1 if side == "buy" else 1
        if what == "cancel":
            rate = rates[min(int(self._random.expovariate(1.0)), len(rates) - 1)]
            left = int(book.others(rate) * self._random.uniform(0.1, 1.0)) // self._market.symbol.step
            yield from self._quote(ms, side, rate, left * self._market.symbol.step)
        elif what == "place":
            best = rates[0] - away * self._step
            opposite = self._market.side(OPPOSITE[side]).best()
            has_room = opposite is not None and away * (best - opposite) > 0
            rate = best if has_room else self._random.choice(rates[:4])
            yield from self._quote(ms, side, rate, book.others(rate) + self._amount())
        for number in range(LEVELS - len(book)):
            yield from self._quote(ms, side, rates[-1] + away * (number + 1) * self._step, self._amount())

    def _quote(self, ms: int, side: BuySell, rate: int, amount: int) -> Iterator[Happening]:
        levels = [(rate, amount)]
        yield Quotes(ms, levels if side == "buy" else (), levels if side == "sell" else ())

    def skip(self, ms: int) -> None:
        self._next_ms = max(self._next_ms, float(ms))

    def move(self, ms: int, to: int, seconds: float) -> None:
        raise ValueError("these levels stay where they are")


class Recorder(Channels):
    """Writes what a market's streams say, each message at the virtual time at which it is true."""

    def __init__(self, market: Market, path: Path, start_ms: int) -> None:
        super().__init__([market], self._write)
        self._file, self._ms = path.open("w"), start_ms
        bids, asks = (rest.levels(side.levels()) for side in (market.bids, market.asks))
        snapshot = {"lastUpdateId": market.update_id, "bids": bids, "asks": asks}
        self._file.write(f"{start_ms * 1_000_000} {json.dumps(snapshot)}\n")
        for channel in CHANNELS:
            self.follow(f"{market.symbol.name.lower()}@{channel}")

    def book_changed(self, market: Market, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        self._ms = ms
        super().book_changed(market, ms, bids, asks)

    def traded(self, market: Market, trades: Any, agg: Any) -> None:
        self._ms = trades[0].ms
        super().traded(market, trades, agg)

    def _write(self, name: str, message: dict[str, Any]) -> None:
        line = json.dumps({"stream": name, "data": message}, separators=(",", ":"))
        self._file.write(f"{message.get('E', self._ms) * 1_000_000} {line}\n")

    def close(self) -> None:
        self._file.close()


def hide_latency(
    clock: Clock, exchange: Callable[[], Exchange], latency_ms: tuple[float, float], drawn: random.Random
) -> None:
    """Let each order travel to the exchange, and its answer back, while the market goes on."""
    stock = Private.new_order

    def travel() -> None:
        clock.ms += round(drawn.uniform(*latency_ms))
        exchange().advance(clock.ms)
        time_machine.traveller_stack[-1].move_to(clock.ms / 1000)

    def new_order(self: Private, params: Any) -> Any:
        travel()
        answer = stock(self, params)
        travel()
        return answer

    Private.new_order = new_order  # type: ignore[method-assign]


def hide_queue(rule: MakerFill) -> None:
    """Let own orders rest by the rule of an estimate; the embedded exchange's own is the pessimistic one."""
    stock_join, stock_put = BookSide.join, BookSide.put

    def join_in_front(self: BookSide, order: Resting) -> None:
        stock_join(self, order)
        order.ahead = 0

    def put_with_cancels(self: BookSide, rate: int, amount: int) -> None:
        before = self.others(rate)
        for order in self._resting.get(rate, ()):
            if amount < before and order.ahead > 0:
                share = min(order.ahead / before, 1.0) ** CANCEL_POWER
                order.ahead = max(order.ahead - round((before - amount) * share), 0)
        stock_put(self, rate, amount)

    if rule == "optimistic":
        BookSide.join = join_in_front  # type: ignore[method-assign]
    elif rule == "expected":
        BookSide.put = put_with_cancels  # type: ignore[method-assign]
