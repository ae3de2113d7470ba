"""The test account's USD-M futures orders, as the exchange keeps them and as it reports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freqtrade_ext.replica.fixed import E8, cost, to_text
from freqtrade_ext.replica.orders import Order

SPOT_TYPES = {"STOP": "STOP_LOSS_LIMIT", "STOP_MARKET": "STOP_LOSS"}
"""the same orders as spot names them"""
_TYPES = {spot: name for name, spot in SPOT_TYPES.items()} | {"LIMIT_MAKER": "LIMIT"}


@dataclass(slots=True, kw_only=True)
class FuturesOrder(Order):
    """An order of a perpetual; its `type` is in spot's words."""

    reduce_only: bool
    by_mark: bool
    """a stop that the mark price triggers"""
    is_algo: bool
    """a stop, which Binance keeps apart from orders until it triggers"""

    @property
    def futures_type(self) -> str:
        return _TYPES.get(self.type, self.type)

    @property
    def average(self) -> int:
        """Average rate of the fills in units of 1e-8; 0 without any."""
        return self.spent * E8 // self.filled if self.filled else 0

    def query(self) -> dict[str, Any]:
        return {
            "orderId": self.id,
            "symbol": self.symbol,
            "status": self.status,
            "clientOrderId": self.client_id,
            "price": to_text(self.rate),
            "avgPrice": to_text(self.average),
            "origQty": to_text(self.amount),
            "executedQty": to_text(self.filled),
            "cumQty": to_text(self.filled),
            "cumQuote": to_text(self.spent),
            "timeInForce": "GTX" if self.type == "LIMIT_MAKER" else self.time_in_force,
            "type": self.futures_type,
            "origType": self.futures_type,
            "reduceOnly": self.reduce_only,
            "closePosition": False,
            "side": self.side.upper(),
            "positionSide": "BOTH",
            "stopPrice": to_text(self.stop_rate),
            "workingType": "MARK_PRICE" if self.by_mark else "CONTRACT_PRICE",
            "priceProtect": False,
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0,
            "time": self.placed_ms,
            "updateTime": self.updated_ms,
        }

    def trades(self) -> list[dict[str, Any]]:
        return [
            {
                "symbol": self.symbol,
                "id": fill.trade_id,
                "orderId": self.id,
                "side": self.side.upper(),
                "price": to_text(fill.rate),
                "qty": to_text(fill.amount),
                "quoteQty": to_text(cost(fill.rate, fill.amount)),
                "realizedPnl": to_text(fill.realized),
                "commission": to_text(fill.commission),
                "commissionAsset": fill.commission_asset,
                "time": fill.ms,
                "buyer": self.side == "buy",
                "maker": fill.is_maker,
                "positionSide": "BOTH",
            }
            for fill in self.fills
        ]

    def algo(self) -> dict[str, Any]:
        triggered = self.working_ms >= 0
        status = {"CANCELED": "CANCELED", "EXPIRED": "EXPIRED"}.get(self.status, "NEW")
        return {
            "algoId": self.id,
            "clientAlgoId": self.client_id,
            "algoType": "CONDITIONAL",
            "orderType": self.futures_type,
            "symbol": self.symbol,
            "side": self.side.upper(),
            "positionSide": "BOTH",
            "timeInForce": self.time_in_force,
            "quantity": to_text(self.amount),
            "algoStatus": "FINISHED" if triggered else status,
            "triggerPrice": to_text(self.stop_rate),
            "price": to_text(self.rate),
            "workingType": "MARK_PRICE" if self.by_mark else "CONTRACT_PRICE",
            "reduceOnly": self.reduce_only,
            "closePosition": False,
            "actualOrderId": str(self.id) if triggered else "",
            "actualPrice": to_text(self.average),
            "createTime": self.placed_ms,
            "updateTime": self.updated_ms,
            "triggerTime": max(self.working_ms, 0),
        }
