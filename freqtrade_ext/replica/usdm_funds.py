"""Binance's signed endpoints of USD-M futures about money: balances, positions, leverage and income."""

from __future__ import annotations

from typing import Any, cast

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import E8, to_text
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.rest import Route
from freqtrade_ext.replica.usdm_account import MAKER_FEE, TAKER_FEE, FuturesAccount, MarginType
from freqtrade_ext.replica.usdm_symbols import BRACKETS


class FuturesFunds:
    """Answers of /fapi/v1, v2 and v3."""

    def __init__(self, exchange: Exchange, account: FuturesAccount) -> None:
        self._exchange, self._account = exchange, account

    def routes(self) -> list[Route]:
        """(method, path under /fapi/, answer, weight)"""
        return [
            ("GET", "v1/positionSide/dual", lambda _: {"dualSidePosition": False}, 30),
            ("GET", "v1/multiAssetsMargin", lambda _: {"multiAssetsMargin": False}, 30),
            ("GET", "v1/leverageBracket", self._brackets, 1),
            ("GET", "v1/commissionRate", self._fees, 20),
            ("POST", "v1/leverage", self._set_leverage, 1),
            ("POST", "v1/marginType", self._set_margin_type, 1),
            ("GET", "v2/account", self._describe, 5),
            ("GET", "v3/account", self._describe, 5),
            ("GET", "v2/positionRisk", self._risks, 5),
            ("GET", "v3/positionRisk", self._risks, 5),
            ("GET", "v1/income", self._income, 30),
        ]

    def _brackets(self, params: Params) -> Any:
        floors = (0, *(most for most, *_ in BRACKETS))
        brackets = [
            {
                "bracket": number,
                "initialLeverage": leverage,
                "notionalCap": most,
                "notionalFloor": floor,
                "maintMarginRatio": float(rate),
                "cum": float(deducted),
            }
            for number, (floor, (most, leverage, rate, deducted)) in enumerate(zip(floors, BRACKETS), 1)  # noqa: B905
        ]
        return [{"symbol": name, "brackets": brackets} for name in self._exchange.running]

    def _fees(self, params: Params) -> Any:
        fees = {"makerCommissionRate": to_text(MAKER_FEE), "takerCommissionRate": to_text(TAKER_FEE)}
        return {"symbol": params.market().symbol.name} | fees

    def _set_leverage(self, params: Params) -> Any:
        name, leverage = params.market().symbol.name, params.integer("leverage") or 0
        if not 1 <= leverage <= BRACKETS[0][1]:
            raise ApiError(-4028, f"Leverage {leverage} is not valid")
        self._account.positions[name].leverage = leverage
        most = next(most for most, highest, *_ in reversed(BRACKETS) if leverage <= highest)
        return {"symbol": name, "leverage": leverage, "maxNotionalValue": str(most)}

    def _set_margin_type(self, params: Params) -> Any:
        position = self._account.positions[params.market().symbol.name]
        wanted = "isolated" if params.text("marginType") == "ISOLATED" else "cross"
        if wanted == position.margin_type:
            raise ApiError(-4046, "No need to change margin type.")
        if position.amount:
            raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
        position.margin_type = cast(MarginType, wanted)
        return {"code": 200, "msg": "success"}

    def _describe(self, params: Params) -> Any:
        assets = [self._asset(asset["asset"]) for asset in self._account.balances()]
        totals = {"totalWalletBalance": "walletBalance", "availableBalance": "availableBalance"}
        total = {name: assets[0][of] for name, of in totals.items()}
        flags = {"canTrade": True, "canDeposit": True, "canWithdraw": False, "multiAssetsMargin": False}
        return {"feeTier": 0, **flags, **total, "assets": assets, "positions": self._risks(params)}

    def _asset(self, asset: str) -> dict[str, Any]:
        balance = self._account.balance(asset)
        held = [r for r in self._running(asset) if self._account.positions[r[0]].amount]
        margin = sum(self._account.positions[name].margin for name, _ in held)
        profit = sum(self._account.positions[name].profit(mark) for name, mark in held)
        wallet = balance.free + balance.locked + margin
        return {
            "asset": asset,
            "walletBalance": to_text(wallet),
            "unrealizedProfit": to_text(profit),
            "marginBalance": to_text(wallet + profit),
            "maintMargin": to_text(sum(self._account.maintenance(*one) for one in held)),
            "initialMargin": to_text(margin + balance.locked),
            "positionInitialMargin": to_text(margin),
            "openOrderInitialMargin": to_text(balance.locked),
            "crossWalletBalance": to_text(balance.free),
            "crossUnPnl": to_text(0),
            "availableBalance": to_text(balance.free),
            "maxWithdrawAmount": to_text(balance.free),
            "updateTime": self._exchange.now_ms(),
        }

    def _running(self, asset: str) -> list[tuple[str, int]]:
        return [
            (name, running.perpetual.mark)
            for name, running in self._exchange.running.items()
            if running.market.symbol.quote == asset
        ]

    def _risks(self, params: Params) -> Any:
        return [
            self._risk(market.symbol.name, market.symbol.quote)
            for market in params.markets()
            if self._account.positions[market.symbol.name].amount
        ]

    def _risk(self, name: str, quote: str) -> dict[str, Any]:
        position, mark = self._account.positions[name], self._exchange.running[name].perpetual.mark
        amount, profit = position.amount, position.profit(mark)
        signed = position.value(mark) if amount > 0 else -position.value(mark)
        isolated = position.margin_type == "isolated"
        return {
            "symbol": name,
            "positionSide": "BOTH",
            "positionAmt": to_text(amount),
            "entryPrice": to_text(position.entry_cost * E8 // amount),
            "breakEvenPrice": to_text(position.entry_cost * E8 // amount),
            "markPrice": to_text(mark),
            "unRealizedProfit": to_text(profit),
            "liquidationPrice": to_text(self._liquidation_rate(name)),
            "leverage": str(position.leverage),
            "marginType": position.margin_type,
            "isolatedMargin": to_text(position.margin + profit if isolated else 0),
            "isolatedWallet": to_text(position.margin if isolated else 0),
            "notional": to_text(signed),
            "marginAsset": quote,
            "initialMargin": to_text(position.margin),
            "maintMargin": to_text(self._account.maintenance(name, mark)),
            "positionInitialMargin": to_text(position.margin),
            "openOrderInitialMargin": to_text(0),
            "adl": 1,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": self._exchange.now_ms(),
        }

    def _liquidation_rate(self, name: str) -> int:
        """Return the rate at which an isolated position is liquidated, by the first bracket."""
        position = self._account.positions[name]
        _, _, rate, _ = BRACKETS[0]
        kept = 1 - float(rate) if position.amount > 0 else -1 - float(rate)
        return max(0, int((position.entry_cost - position.margin) / (abs(position.amount) * kept) * E8))

    def _income(self, params: Params) -> Any:
        kind = params.text("incomeType") if "incomeType" in params else None
        symbol = params.market().symbol.name if "symbol" in params else None
        start_ms, end_ms = params.integer("startTime") or 0, params.integer("endTime")
        return [
            {
                "symbol": one.symbol,
                "incomeType": one.kind,
                "income": to_text(one.amount),
                "asset": one.asset,
                "info": one.kind,
                "time": one.ms,
                "tranId": str(number),
                "tradeId": "",
            }
            for number, one in enumerate(self._account.income, 1)
            if kind in (None, one.kind) and symbol in (None, one.symbol)
            if start_ms <= one.ms and (end_ms is None or one.ms <= end_ms)
        ][: params.limit(100, 1000)]
