"""Plain rows of freqtrade's database; what may be missing, broken or hostile is dealt with here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from freqtrade_ext.plan.explain import TAG_END
from freqtrade_ext.plan.plan import Plan, PlanError

BuySell = Literal["buy", "sell"]
Row = Mapping[str, Any]
"""column -> value"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of an order's execution beyond freqtrade's own columns; None is unknown. Times in ms."""

    decision_rate: float
    """quote per base"""
    decision_ms: float | None
    arrival_ms: float | None
    book_ms: float | None
    entry_latency_ms: float | None
    response_latency_ms: float | None
    fee_cost: float | None
    """units of `fee_currency`"""
    fee_currency: str
    fee_rate: float | None
    """ratio of the fee's value to the order's cost"""
    stock_average: float | None
    """quote per base, which stock freqtrade's dry-run would have claimed"""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """Rates in quote per base, amounts in base units."""

    pair: str
    side: BuySell
    is_entry: bool
    is_stop: bool
    """placed on the exchange as a stop"""
    tag: str
    status: str
    time: datetime | None
    """UTC, of the last fill; of the placement where nothing is filled"""
    requested: float
    filled: float
    average: float
    """0 where nothing is filled"""
    fee_ratio: float
    """fee's value to cost"""
    fee_currency: str
    record: Record | None

    @property
    def direction(self) -> int:
        """1 for buys, -1 for sells: a higher rate is worse for buys."""
        return 1 if self.side == "buy" else -1

    @property
    def cost(self) -> float:
        """Quote units."""
        return self.filled * self.average

    @property
    def fee_value(self) -> float:
        """Quote units, whatever asset it was paid in."""
        return self.cost * self.fee_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """Rates in quote per base, amounts in base units, `_abs` in stake currency."""

    id: int
    pair: str
    is_short: bool
    is_open: bool
    opened: datetime
    """UTC"""
    closed: datetime
    """UTC; of an open trade, its last fill"""
    open_rate: float
    stop_rate: float | None
    min_rate: float | None
    max_rate: float | None
    stake_amount: float
    currency: str
    profit_abs: float
    """after all costs; of an open trade, what partial exits have booked"""
    profit_ratio: float
    """of the stake"""
    exit_reason: str
    plan: Plan | None
    regime: str
    """of the market at the entry; empty where unknown"""
    orders: tuple[OrderRow, ...]
    """oldest first"""

    @property
    def fills(self) -> list[OrderRow]:
        return [order for order in self.orders if order.cost > 0]


def trade_row(trade: Row, orders: Sequence[Row], custom: Row, records: Mapping[str, Any]) -> TradeRow:
    """
    Join what belongs to one trade.

    :param trade: row of freqtrade's table `trades`.
    :param orders: its rows of `orders`.
    :param custom: its custom data, decoded: key -> value.
    :param records: order id -> record of the paper engine, which has the last word over custom data.
    """
    fills = custom.get("fills")
    listed = fills if isinstance(fills, list) else []
    known = {str(fill.get("order_id")): fill for fill in listed if isinstance(fill, Mapping)}
    known |= {
        order["order_id"]: records[order["order_id"]] for order in orders if order["order_id"] in records
    }
    own = tuple(_order_row(order, trade, known.get(str(order["order_id"]))) for order in orders)
    is_open = bool(trade["is_open"])
    opened = utc(trade["open_date"]) or datetime.fromtimestamp(0, UTC)
    last_fill = max((order.time for order in own if order.time), default=opened)
    profit = number(trade["realized_profit" if is_open else "close_profit_abs"])
    stake = number(trade["max_stake_amount"]) or number(trade["stake_amount"]) or 0.0
    ratio = None if is_open else number(trade["close_profit"])
    if profit is None:
        profit = number(trade["realized_profit"]) or 0.0
    if ratio is None:
        ratio = profit / stake if stake else 0.0
    state = custom.get("market_state")
    return TradeRow(
        id=int(trade["id"]),
        pair=text(trade["pair"]),
        is_short=bool(trade["is_short"]),
        is_open=is_open,
        opened=opened,
        closed=last_fill if is_open else utc(trade["close_date"]) or last_fill,
        open_rate=number(trade["open_rate"]) or 0.0,
        # freqtrade's columns start at 0 for "none yet"
        stop_rate=number(trade["stop_loss"]) or None,
        min_rate=number(trade["min_rate"]) or None,
        max_rate=number(trade["max_rate"]) or None,
        stake_amount=stake,
        currency=text(trade["stake_currency"]),
        profit_abs=profit,
        profit_ratio=ratio,
        exit_reason=text(trade["exit_reason"]),
        plan=_plan(custom.get("plan")),
        regime=text(state.get("regime")) if isinstance(state, Mapping) else "",
        orders=own,
    )


def record_row(stored: Any) -> Record | None:
    """Read an engine's or strategy's fill record; None where it tells no rate that was decided on."""
    if not isinstance(stored, Mapping):
        return None
    decision_rate = number(stored.get("decision_rate"))
    if decision_rate is None or decision_rate <= 0:
        return None
    return Record(
        decision_rate=decision_rate,
        decision_ms=number(stored.get("decision_ms")),
        arrival_ms=number(stored.get("arrival_ms")),
        book_ms=number(stored.get("book_ms")),
        entry_latency_ms=number(stored.get("entry_latency_ms")),
        response_latency_ms=number(stored.get("response_latency_ms")),
        fee_cost=number(stored.get("fee_cost")),
        fee_currency=text(stored.get("fee_currency")),
        fee_rate=number(stored.get("fee_rate")),
        stock_average=number(stored.get("stock_average")),
        reason=text(stored.get("reason")),
    )


def number(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # JSON knows no largest integer
        return None


def text(value: Any) -> str:
    """
    Return one line of printable characters; empty for None.

    Control characters would steer the terminal, and directional ones disguise what follows them.
    """
    return (
        ""
        if value is None
        else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    )


def utc(value: datetime | None) -> datetime | None:
    """freqtrade stores UTC without saying so."""
    return None if value is None else value.replace(tzinfo=UTC)


def _order_row(order: Row, trade: Row, stored: Any) -> OrderRow:
    record = record_row(stored)
    kind, entry_side = order["ft_order_side"], "sell" if trade["is_short"] else "buy"
    is_entry = kind == entry_side
    filled = max(0.0, number(order["filled"]) or 0.0)
    rates = (number(order[name]) for name in ("average", "price", "stop_price", "ft_price"))
    fee_ratio = record.fee_rate if record else None
    if fee_ratio is None:
        fee_ratio = number(trade["fee_open" if is_entry else "fee_close"]) or 0.0
    currency = trade["fee_open_currency" if is_entry else "fee_close_currency"]
    return OrderRow(
        pair=text(order["ft_pair"]),
        side="buy" if is_entry != bool(trade["is_short"]) else "sell",
        is_entry=is_entry,
        is_stop=kind == "stoploss",
        tag=text(order["ft_order_tag"]).partition(TAG_END)[0].rstrip(),
        status=text(order["status"]),
        time=utc(order["order_filled_date"]) or utc(order["order_date"]),
        requested=number(order["amount"]) or number(order["ft_amount"]) or 0.0,
        filled=filled,
        # as freqtrade's Order.safe_price has it
        average=next((rate for rate in rates if rate), 0.0) if filled else 0.0,
        fee_ratio=fee_ratio,
        fee_currency=(record.fee_currency if record else "") or text(currency or trade["stake_currency"]),
        record=record,
    )


def _plan(stored: Any) -> Plan | None:
    try:
        plan = Plan.from_json(stored)
    except (PlanError, OverflowError):
        return None
    stake, split, levels = map(text, plan.reasons)
    return replace(plan, reasons=(stake, split, levels))
