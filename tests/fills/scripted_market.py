"""A market of plain values for the engine: the test sets the book, prints trades and moves the clock."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.book import Book, Level
from freqtrade_ext.fills.engine import Engine
from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarginRules, MarkCandle
from freqtrade_ext.fills.market import Cursor, Rules
from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.settings import Settings

PAIR = "BTC/USDT"


class ScriptedMarket:
    depths: tuple[int, ...] = (20, 100, 1000, 5000)

    def __init__(self, bids: list[Level], asks: list[Level], fee: float = 0.001) -> None:
        self.bids, self.asks = bids, asks
        self.tape: list[Print] = []
        self.time_ms = 1_000_000
        self.asked_depths: list[int] = []
        self.filters: dict[str, dict[str, Any]] = {}
        self.fee = self.maker_fee = fee
        self.contract_size = 1.0
        self.range = (0.0, math.inf)
        self.differences: list[Book] = []
        self.margin = MarginRules()
        self.funding_rates: list[FundingRate] = []
        self.mark_candles: list[MarkCandle] = []
        self.is_closed = False
        self.trips_ms: tuple[float, ...] = ()
        self.during_sleep: Callable[[], None] | None = None
        """what happens in the market while an order is on its way"""

    def now_ms(self) -> int:
        return self.time_ms

    def sleep_ms(self, duration: float) -> None:
        self.time_ms += round(duration)
        if self.during_sleep:
            happens, self.during_sleep = self.during_sleep, None
            happens()

    def round_trips_ms(self) -> tuple[float, ...]:
        return self.trips_ms

    def book(self, pair: str, depth: int) -> Book:
        self.asked_depths.append(depth)
        return Book(self.bids[:depth], self.asks[:depth], self.time_ms, depth)

    def books(self, pair: str, since_ms: int | None) -> list[Book]:
        earlier, self.differences = self.differences, []
        return [*earlier, self.book(pair, self.depths[0])]

    def difference(self, bids: list[Level], asks: list[Level]) -> None:
        """The feed tells of another book, between two polls."""
        self.bids, self.asks = bids, asks
        self.differences.append(Book(bids[:20], asks[:20], self.time_ms, 20, stamp_ms=self.time_ms))

    def prints(self, pair: str, since: Cursor | None) -> tuple[list[Print], Cursor]:
        found = self.tape[-1:] if since is None else [p for p in self.tape if int(p.id) > since.time_ms]
        # ids rise by one each print, so the last id tells how far the tape was read
        return found, Cursor(int(self.tape[-1].id) if self.tape else -1, ())

    def rules(self, pair: str) -> Rules:
        return Rules(self.filters, self.maker_fee, self.fee, self.contract_size, self.margin)

    def is_open(self, pair: str) -> bool:
        return not self.is_closed

    def average_rate(self, pair: str) -> float:
        return (self.bids[0][0] + self.asks[0][0]) / 2

    def execution_range(self, pair: str, side: str) -> tuple[float, float]:
        return self.range

    def bnb_rate(self, quote: str) -> float | None:
        return 500.0

    def fundings(self, pair: str, since_ms: int) -> list[FundingRate]:
        return [rate for rate in self.funding_rates if rate.time_ms > since_ms]

    def marks(self, pair: str, since_ms: int) -> list[MarkCandle]:
        return [candle for candle in self.mark_candles if candle.time_ms >= since_ms // 60_000 * 60_000]

    def trade(self, side: str, rate: float, amount: float) -> None:
        """A stranger's aggressive order prints; the book is the test's to change."""
        self.tape.append(Print(str(len(self.tape)), self.time_ms, rate, amount, side))


class DictStore:
    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    def load(self) -> dict[str, Any]:
        return {key: json.loads(value) for key, value in self.rows.items()}

    def find(self, key: str) -> Any:
        return json.loads(self.rows[key]) if key in self.rows else None

    def save(self, values: dict[str, Any]) -> None:
        self.rows |= {key: json.dumps(value) for key, value in values.items()}


class Desk:
    """An engine over a scripted market, with short ways to place orders."""

    def __init__(
        self, market: ScriptedMarket, *, start: dict[str, float] | None = None, **settings: Any
    ) -> None:
        self.market, self.store = market, DictStore()
        self.start = start or {"USDT": 1e9, "BTC": 1e6}
        self.settings = Settings(seed=1, **settings)
        self.is_futures = self.is_cross = False
        self.engine = self.restart()
        self.count = 0

    def restart(self) -> Engine:
        self.account = account = Account(self.start, is_futures=self.is_futures, is_cross=self.is_cross)
        self.engine = Engine(self.market, account, self.settings, self.store)
        return self.engine

    def order(
        self, side: str, amount: float, limit: float | None = None, pair: str = PAIR, **more: Any
    ) -> PaperOrder:
        self.count += 1
        kind = "market" if limit is None else "limit"
        if "stop_rate" in more:
            kind = "stop_" + kind
        rate = limit or (self.market.asks[0][0] if side == "buy" and self.market.asks else 100.0)
        request = OrderRequest(
            id=f"order{self.count}",
            pair=pair,
            type=kind,
            side=side,
            amount=amount,
            decision_rate=rate,
            limit=limit,
            **more,
        )
        return self.engine.submit(request)

    def poll(self, order: PaperOrder) -> PaperOrder:
        self.engine.poll(PAIR)
        return self.engine.find(order.request.id)


def free(engine: Engine, currency: str) -> float:
    return engine.balances().get(currency, (0.0, 0.0))[0]


def total(engine: Engine, currency: str) -> float:
    return engine.balances().get(currency, (0.0, 0.0))[1]
