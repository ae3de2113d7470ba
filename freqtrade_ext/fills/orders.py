"""The one place that holds an order's mutable state."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from freqtrade_ext.fills.account import currencies
from freqtrade_ext.fills.book import DUST, BuySell
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.queue import Queue
from freqtrade_ext.fills.record import FillRecord

OrderType = Literal["market", "limit", "stop_market", "stop_limit"]
Status = Literal["open", "closed", "canceled", "expired"]
TimeInForce = Literal["GTC", "IOC", "FOK", "PO"]
LIQUIDATION = "dry_run_liquidation_"
"""how the ids of orders begin that the exchange placed itself"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What the bot asks of the exchange."""

    id: str
    pair: str
    type: OrderType
    side: BuySell
    amount: float
    """base units"""
    decision_rate: float
    """quote per base: what the bot saw when it decided; the limit rate for limit orders"""
    mid_rate: float | None = None
    """quote per base: middle of the book that the bot decided by; None for stops on the exchange"""
    limit: float | None = None
    """worst acceptable rate; None for market and stop-market orders"""
    stop_rate: float | None = None
    time_in_force: TimeInForce = "GTC"
    leverage: float = 1.0
    reduce_only: bool = False
    by_mark: bool = False
    """a stop that the mark price triggers"""
    ccxt_type: str = ""
    """the type as freqtrade named it, e.g. stop_loss_limit"""


@dataclass(slots=True, kw_only=True)
class PaperOrder:
    """A request that the exchange accepted, and what became of it. Times in ms since epoch."""

    request: OrderRequest
    decision_ms: int
    """local clock"""
    arrival_ms: int
    """local clock"""
    entry_latency_ms: float
    response_latency_ms: float
    book_ms: int | None = None
    """local clock: time of the book that the taker part was filled from"""
    book_stamp_ms: int | None = None
    """the exchange's own time of that book, where it came by WebSocket"""
    book_id: int | None = None
    """the exchange's update id of that book, where it was fetched by REST"""
    status: Status = "open"
    reason: str = ""
    """why it ended without being filled completely"""
    stage: Literal["waiting", "arriving", "resting"] = "arriving"
    """a stop waits for its rate; then every order takes what it can from the book; its rest may stay"""
    trigger_rate: float | None = None
    """of the trade that triggered the stop, quote per base"""
    queue: Queue = field(default_factory=Queue)
    taker_amount: float = 0.0
    taker_cost: float = 0.0
    maker_amount: float = 0.0
    maker_cost: float = 0.0
    worst: float | None = None
    levels: int = 0
    """book levels taken"""
    fees: dict[str, float] = field(default_factory=dict)
    """currency -> cost"""
    fee_value: float = 0.0
    """all fees in quote units"""
    last_fill_ms: int | None = None
    stock_average: float | None = None
    """average that stock freqtrade's dry-run would have claimed on the book of the arrival"""

    @property
    def filled(self) -> float:
        """Base units."""
        return self.taker_amount + self.maker_amount

    @property
    def remaining(self) -> float:
        """Base units; exactly 0 once everything is filled."""
        left = self.request.amount - self.filled
        # a sum of parts may miss the amount by the last bits
        return 0.0 if left <= self.request.amount * DUST else left

    @property
    def resting(self) -> float:
        """Base units that came to rest, as the book had no more to take within the limit."""
        return self.request.amount - self.taker_amount

    @property
    def cost(self) -> float:
        """Quote units."""
        return self.taker_cost + self.maker_cost

    @property
    def average(self) -> float | None:
        """Quote per base: the very rate where all fills had one, which a quotient misses by its last bits."""
        rates = {self.worst} if self.taker_amount else set()
        if self.maker_amount:
            rates.add(self.request.limit)
        if self.levels <= 1 and len(rates) == 1 and None not in rates:
            return rates.pop()
        return self.cost / self.filled if self.filled else None

    def add_fill(self, amount: float, cost: float, time_ms: int, *, maker: bool) -> None:
        """Book one execution of `amount` base units for `cost` quote units."""
        if maker:
            self.maker_amount += amount
            self.maker_cost += cost
        else:
            self.taker_amount += amount
            self.taker_cost += cost
        self.last_fill_ms = time_ms
        if not self.remaining:
            self.status = "closed"

    def add_fee(self, fee: Fee) -> None:
        self.fees[fee.currency] = self.fees.get(fee.currency, 0.0) + fee.cost
        self.fee_value += fee.value

    def forget_fills(self) -> None:
        """Reset the fills, as if there had been none."""
        self.taker_amount = self.taker_cost = self.maker_amount = self.maker_cost = self.fee_value = 0.0
        self.fees = {}

    def end(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason

    def fee_dict(self) -> dict[str, Any]:
        """Return ccxt's `fee`; empty before the first fill, so that freqtrade takes it for an answer."""
        if not self.fees:
            return {}
        (currency, cost), *others = self.fees.items()
        base, quote = currencies(self.request.pair)
        if others:  # BNB ran out halfway: freqtrade knows one currency, and takes base off its amount
            currency, cost = (base, self.fees[base]) if base in self.fees else (quote, self.fee_value)
        return {"currency": currency, "cost": cost, "rate": self.fee_value / self.cost}

    def to_ccxt(self, stop_price_name: str = "stopPrice") -> dict[str, Any]:
        """Return the order as ccxt would: complete enough for freqtrade, FreqUI and the database."""
        r = self.request
        created = datetime.fromtimestamp(self.decision_ms / 1000, UTC)
        order: dict[str, Any] = {
            "id": r.id,
            "symbol": r.pair,
            "type": r.ccxt_type or r.type,
            "side": r.side,
            "timeInForce": r.time_in_force,
            "reduceOnly": r.reduce_only,
            "price": r.limit if r.limit is not None else r.decision_rate,
            "average": self.average,
            "amount": r.amount,
            "filled": r.amount if self.status == "closed" else self.filled,
            "remaining": self.remaining,
            "cost": self.cost,
            "datetime": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "timestamp": self.decision_ms,
            "lastTradeTimestamp": self.last_fill_ms,
            "status": self.status,
            "fee": self.fee_dict(),
            "info": {},
        }
        if r.stop_rate is not None:
            order |= {stop_price_name: r.stop_rate, "ft_order_type": "stoploss"}
        return order

    def record(self) -> FillRecord:
        """Return what is kept with the trade about this order's execution."""
        r, fee = self.request, self.fee_dict()
        return FillRecord(
            order_id=r.id,
            pair=r.pair,
            side=r.side,
            type=r.ccxt_type or r.type,
            status=self.status,
            reason=self.reason,
            requested=r.amount,
            filled=self.filled,
            average=self.average,
            worst=self.worst,
            levels=self.levels,
            decision_rate=r.decision_rate,
            mid_rate=r.mid_rate,
            decision_ms=self.decision_ms,
            arrival_ms=self.arrival_ms,
            book_ms=self.book_ms,
            book_stamp_ms=self.book_stamp_ms,
            book_id=self.book_id,
            entry_latency_ms=round(self.entry_latency_ms, 1),
            response_latency_ms=round(self.response_latency_ms, 1),
            taker_amount=self.taker_amount,
            maker_amount=self.maker_amount,
            fee_cost=fee.get("cost", 0.0),
            fee_currency=fee.get("currency", ""),
            fee_rate=fee.get("rate"),
            fees=dict(self.fees),
            stock_average=self.stock_average,
            would_fill=self.would_fill(),
        )

    def would_fill(self) -> dict[str, dict[str, Any]]:
        """Return what each estimate of the queue has filled, in base units, and when it did so last."""
        if self.stage != "resting":
            return {}
        return {
            name: {
                "filled": self.taker_amount + min(place.filled, self.resting),
                "filled_ms": place.filled_ms,
            }
            for name, place in self.queue.places.items()
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PaperOrder:
        """Read what `to_json` wrote, now or in an earlier version."""
        fields, request = dict(data), dict(data["request"])
        # until 2026-11 the claim of stock freqtrade was asked for with the request
        fields.setdefault("stock_average", request.pop("stock_average", None))
        fields["request"] = OrderRequest(**request)
        fields["queue"] = Queue.from_json(
            fields["queue"], fields.get("maker_amount", 0.0), fields.get("last_fill_ms")
        )
        return cls(**fields)
