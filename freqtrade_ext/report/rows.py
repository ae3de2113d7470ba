"""What the report knows of a trade and of its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.report.candles import Candle

BuySell = Literal["buy", "sell"]


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
    is_paper: bool = False
    """never sent to an exchange"""
    kind: str = ""
    """market, limit or a stop's, as ccxt names it"""
    limit: float = 0.0
    """rate asked for; of market orders the one decided on, or paid"""
    placed: datetime | None = None
    """UTC, by the exchange's clock where it is known"""
    updated: datetime | None = None
    """UTC, by the local clock: the bot's last news of it"""
    filled_at: datetime | None = None
    """UTC, of the last fill"""
    requested: float
    filled: float
    average: float
    """0 where nothing is filled"""
    fee_ratio: float
    """fee's value to cost"""
    fee_currency: str
    record: FillRecord | None
    fees: Mapping[str, float] = field(default_factory=dict)
    """currency -> units paid; empty where only their value is known"""

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
    """cash in and out after all costs, without coins left behind; of an open trade, what exits have booked"""
    exchange: str = ""
    """freqtrade's id of it"""
    left_amount: float = 0.0
    """spot: base units bought and neither sold nor paid as fees; negative where earlier trades' were sold"""
    booked_abs: float = 0.0
    """freqtrade's own profit: it counts coins left behind by what they cost"""
    profit_ratio: float
    """of the stake"""
    exit_reason: str
    plan: Plan | None
    regime: str
    """of the market at the entry; empty where unknown"""
    orders: tuple[OrderRow, ...]
    """oldest first"""
    candles: tuple[Candle, ...] = ()

    @property
    def fills(self) -> list[OrderRow]:
        return [order for order in self.orders if order.cost > 0]
