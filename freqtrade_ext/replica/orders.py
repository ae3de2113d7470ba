"""The test account's orders and fills, as the exchange keeps them and as it reports them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from freqtrade_ext.replica.book import Resting
from freqtrade_ext.replica.fixed import cost, to_text
from freqtrade_ext.replica.happenings import BuySell, Trade

STOP_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT")
MARKET_TYPES = ("MARKET", "STOP_LOSS")
OPEN_STATUS = ("NEW", "PARTIALLY_FILLED")


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of the account; rate, amount and commission in units of 1e-8."""

    trade_id: int
    ms: int
    rate: int
    amount: int
    commission: int
    commission_asset: str
    is_maker: bool
    realized: int = 0
    """profit that closing a position with it made, without the commission; quote units of 1e-8"""

    @classmethod
    def of(cls, trade: Trade, commission: int, asset: str, is_maker: bool, realized: int = 0) -> Fill:
        return cls(trade.id, trade.ms, trade.rate, trade.amount, commission, asset, is_maker, realized)

    def in_order(self) -> dict[str, Any]:
        """As the answer to a new order lists it."""
        return {
            "price": to_text(self.rate),
            "qty": to_text(self.amount),
            "commission": to_text(self.commission),
            "commissionAsset": self.commission_asset,
            "tradeId": self.trade_id,
        }


@dataclass(slots=True, kw_only=True)
class Order:
    """An order from placement to its end; rates and amounts in units of 1e-8."""

    id: int
    client_id: str
    symbol: str
    side: BuySell
    type: str
    time_in_force: str
    amount: int
    rate: int = 0
    stop_rate: int = 0
    placed_ms: int
    updated_ms: int
    working_ms: int = -1
    status: str = "NEW"
    filled: int = 0
    spent: int = 0
    """quote units of all fills"""
    locked: int = 0
    """of the asset to give, set aside for this order"""
    rises_to_stop: bool = False
    """a stop above the market rather than below it"""
    resting: Resting | None = None
    fills: list[Fill] = field(default_factory=list)
    expiry_reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUS

    @property
    def awaits_stop(self) -> bool:
        return self.is_open and self.type in STOP_TYPES and self.working_ms < 0

    @property
    def limit(self) -> int | None:
        """Worst rate; None for market orders."""
        return None if self.type in MARKET_TYPES else self.rate

    def triggers_at(self, rate: int) -> bool:
        return rate >= self.stop_rate if self.rises_to_stop else rate <= self.stop_rate

    def report(self) -> dict[str, Any]:
        """As queries and the answer to a new order have it in common."""
        stop = {"stopPrice": to_text(self.stop_rate)} if self.stop_rate else {}
        expired = {"expiryReason": self.expiry_reason} if self.expiry_reason else {}
        return {
            "symbol": self.symbol,
            "orderId": self.id,
            "orderListId": -1,
            "clientOrderId": self.client_id,
            "price": to_text(self.rate),
            "origQty": to_text(self.amount),
            "executedQty": to_text(self.filled),
            "origQuoteOrderQty": to_text(0),
            "cummulativeQuoteQty": to_text(self.spent),
            "status": self.status,
            "timeInForce": self.time_in_force,
            "type": self.type,
            "side": self.side.upper(),
            "workingTime": self.working_ms,
            "selfTradePreventionMode": "EXPIRE_MAKER",
            **stop,
            **expired,
        }

    def answer(self, kind: str) -> dict[str, Any]:
        """The answer to a new order: ACK, RESULT or FULL."""
        full = {**self.report(), "transactTime": self.placed_ms}
        if kind == "ACK":
            names = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
            return {name: full[name] for name in names}
        return {**full, "fills": [fill.in_order() for fill in self.fills]} if kind == "FULL" else full

    def query(self) -> dict[str, Any]:
        return {
            **self.report(),
            "stopPrice": to_text(self.stop_rate),
            "icebergQty": to_text(0),
            "time": self.placed_ms,
            "updateTime": self.updated_ms,
            "isWorking": self.working_ms >= 0,
        }

    def cancelled(self, client_id: str) -> dict[str, Any]:
        return {
            **self.report(),
            "origClientOrderId": self.client_id,
            "clientOrderId": client_id,
            "transactTime": self.updated_ms,
        }

    def trades(self) -> list[dict[str, Any]]:
        return [
            {
                "symbol": self.symbol,
                "id": fill.trade_id,
                "orderId": self.id,
                "orderListId": -1,
                "price": to_text(fill.rate),
                "qty": to_text(fill.amount),
                "quoteQty": to_text(cost(fill.rate, fill.amount)),
                "commission": to_text(fill.commission),
                "commissionAsset": fill.commission_asset,
                "time": fill.ms,
                "isBuyer": self.side == "buy",
                "isMaker": fill.is_maker,
                "isBestMatch": True,
            }
            for fill in self.fills
        ]
