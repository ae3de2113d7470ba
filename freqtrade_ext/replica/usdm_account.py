"""The test account's USD-M futures: positions with margin, funding and liquidation, in one-way mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from freqtrade_ext.replica.account import Balances
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import E8, cost, to_fixed
from freqtrade_ext.replica.happenings import BuySell, Trade
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.orders import MARKET_TYPES, STOP_TYPES, Fill, Order
from freqtrade_ext.replica.usdm_orders import FuturesOrder
from freqtrade_ext.replica.usdm_symbols import LIQUIDATION_FEE, bracket, lots

MAKER_FEE, TAKER_FEE = to_fixed("0.0002"), to_fixed("0.0005")
DEFAULT_LEVERAGE = 20
MarginType = Literal["cross", "isolated"]


@dataclass(slots=True)
class Position:
    """Of one symbol; amount negative when short, quote units of 1e-8."""

    amount: int = 0
    entry_cost: int = 0
    """signed as the amount is"""
    margin: int = 0
    leverage: int = DEFAULT_LEVERAGE
    margin_type: MarginType = "cross"

    def value(self, mark: int) -> int:
        return cost(mark, abs(self.amount))

    def profit(self, mark: int) -> int:
        """Unrealized profit."""
        return (self.value(mark) if self.amount > 0 else -self.value(mark)) - self.entry_cost


@dataclass(frozen=True, slots=True)
class Income:
    """A line of `GET /fapi/v1/income`."""

    symbol: str
    kind: str
    amount: int
    asset: str
    ms: int


class FuturesAccount(Balances):
    """Margin instead of coins: a balance is free but for what positions and open orders tie up."""

    first_order = 17_000_000_001

    def __init__(self, exchange: Exchange, balances: Mapping[str, int]) -> None:
        super().__init__(exchange, balances)
        self.positions = {name: Position() for name in exchange.running}
        self.income: list[Income] = []
        self._settled_ms = exchange.now_ms()

    def check(self, market: Market, order: Order) -> None:
        """
        :raises ApiError: the exchange's refusal.
        """
        assert isinstance(order, FuturesOrder)
        _check_grid(market, order)
        if order.reduce_only and not self._reducible(order):
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        if order.type in STOP_TYPES and order.triggers_at(self._trigger_rate(market, order)):
            raise ApiError(-2021, "Order would immediately trigger.")
        if order.type == "LIMIT_MAKER" and self._crosses(market, order):
            raise ApiError(-5022, "Due to the order could not be executed as maker, it will be rejected.")
        if self._need(market, order) > self.balance(market.symbol.quote).free:
            raise ApiError(-2019, "Margin is insufficient.")

    def _range(self, market: Market, order: Order) -> tuple[int, int | None]:
        return 0, None  # the rule is one of spot

    def _trigger_rate(self, market: Market, order: FuturesOrder) -> int:
        name = market.symbol.name
        return self._exchange.running[name].perpetual.mark if order.by_mark else market.last

    def _reducible(self, order: Order) -> int:
        """Return the part of the position that an order of this side may close."""
        amount = self.positions[order.symbol].amount
        return max(amount if order.side == "sell" else -amount, 0)

    def _given(self, market: Market, order: Order) -> str:
        return market.symbol.quote

    def _need(self, market: Market, order: Order) -> int:
        opened = order.amount - self._reducible(order)
        if opened <= 0 or (isinstance(order, FuturesOrder) and order.reduce_only):
            return 0
        rate = order.limit or order.stop_rate or market.last
        return cost(rate, opened) // self.positions[order.symbol].leverage

    def _work(self, market: Market, order: Order, ms: int) -> None:
        if isinstance(order, FuturesOrder) and order.reduce_only:
            order.amount = min(order.amount, order.filled + self._reducible(order))
            if order.amount == order.filled:
                self.cancel(market, order, ms, "EXPIRED")
                return
        super()._work(market, order, ms)

    def _fill(self, market: Market, order: Order, trade: Trade, is_maker: bool) -> None:
        quote, paid = market.symbol.quote, cost(trade.rate, trade.amount)
        # the margin set aside comes back, and what the position ties up is taken instead
        freed = order.locked * trade.amount // max(order.amount - order.filled, 1)
        balance = self.balance(quote)
        balance.locked -= freed
        balance.free += freed
        order.locked -= freed
        realized = self._move(market, order.side, trade.amount, paid)
        commission = cost(paid, MAKER_FEE if is_maker else TAKER_FEE)
        self._pay(order.symbol, "COMMISSION", -commission, quote, trade.ms)
        if realized:
            self.income.append(Income(order.symbol, "REALIZED_PNL", realized, quote, trade.ms))
        self._book(market, order, trade, Fill.of(trade, commission, quote, is_maker, realized))
        self._shrink_reduce_only(market, trade.ms)

    def _shrink_reduce_only(self, market: Market, ms: int) -> None:
        """Resting orders that only reduce go when there is nothing left to reduce."""
        for order in self.open_orders(market.symbol.name):
            reduces = isinstance(order, FuturesOrder) and order.reduce_only and order.resting is not None
            if reduces and not self._reducible(order):
                self.cancel(market, order, ms, "EXPIRED")

    def _move(self, market: Market, side: BuySell, amount: int, paid: int) -> int:
        """Change the position, its margin and the balance; return the profit realized."""
        position = self.positions[market.symbol.name]
        balance, sign = self.balance(market.symbol.quote), 1 if side == "buy" else -1
        closed = min(amount, abs(position.amount)) if position.amount * sign < 0 else 0
        realized = 0
        if closed:
            entry = position.entry_cost * closed // abs(position.amount)
            margin = position.margin * closed // abs(position.amount)
            exit_cost = paid * closed // amount
            realized = -sign * exit_cost - entry
            position.amount += sign * closed
            position.entry_cost -= entry
            position.margin -= margin
            balance.free += margin + realized
            paid -= exit_cost
        if amount > closed:
            margin = paid // position.leverage
            position.amount += sign * (amount - closed)
            position.entry_cost += sign * paid
            position.margin += margin
            balance.free -= margin
        return realized

    def _pay(self, symbol: str, kind: str, amount: int, asset: str, ms: int) -> None:
        self.balance(asset).free += amount
        self.income.append(Income(symbol, kind, amount, asset, ms))

    def traded(self, market: Market, trades: object, agg: object) -> None:
        """Trigger stops on the last trade's rate; the mark price's stops wait for `advance`."""
        for order in self.open_orders(market.symbol.name):
            assert isinstance(order, FuturesOrder)
            if order.awaits_stop and not order.by_mark and order.triggers_at(market.last):
                self._trigger(market, order, self._exchange.now_ms())

    def advance(self, now_ms: int) -> None:
        """Pay funding that became due, trigger the mark price's stops, and liquidate."""
        for name, running in self._exchange.running.items():
            position, perpetual = self.positions[name], running.perpetual
            for ms in perpetual.fundings(self._settled_ms + 1, now_ms):
                paid = cost(position.value(perpetual.mark_at(ms)), perpetual.funding_rate(ms))
                if position.amount:
                    paid = -paid if position.amount > 0 else paid
                    self._pay(name, "FUNDING_FEE", paid, running.market.symbol.quote, ms)
            for order in self.open_orders(name):
                assert isinstance(order, FuturesOrder)
                if order.awaits_stop and order.by_mark and order.triggers_at(perpetual.mark):
                    self._trigger(running.market, order, now_ms)
            if position.amount and self._is_liquidated(name, perpetual.mark):
                self._liquidate(running.market, position, now_ms)
        self._settled_ms = max(self._settled_ms, now_ms)

    def maintenance(self, name: str, mark: int) -> int:
        value = self.positions[name].value(mark)
        _, rate, deducted = bracket(value)
        return cost(value, rate) - deducted

    def _is_liquidated(self, name: str, mark: int) -> bool:
        position = self.positions[name]
        quote = self._exchange.running[name].market.symbol.quote
        if position.margin_type == "isolated":
            return position.margin + position.profit(mark) <= self.maintenance(name, mark)
        held = {n: p for n, p in self.positions.items() if p.amount and p.margin_type == "cross"}
        marks = {n: self._exchange.running[n].perpetual.mark for n in held}
        equity = self.balance(quote).free + sum(p.margin + p.profit(marks[n]) for n, p in held.items())
        return equity <= sum(self.maintenance(n, marks[n]) for n in held)

    def _liquidate(self, market: Market, position: Position, ms: int) -> None:
        """
        Sell what the book takes down to the bankruptcy rate; the insurance fund takes the rest at that rate.

        Source: https://www.binance.com/en/support/faq/liquidation-protocols-360033525271
        """
        symbol = market.symbol
        for order in self.open_orders(symbol.name):
            self.cancel(market, order, ms, "EXPIRED")
        side: BuySell = "sell" if position.amount > 0 else "buy"
        free = self.balance(symbol.quote).free if position.margin_type == "cross" else 0
        stake, amount = position.margin + max(free, 0), abs(position.amount)
        bankrupt = abs(position.entry_cost - stake) * E8 // amount
        taken = market.take(ms, side, amount, bankrupt)
        paid = sum(cost(trade.rate, trade.amount) for trade in taken)
        left = amount - sum(trade.amount for trade in taken)
        realized = self._move(market, side, amount, paid + cost(bankrupt, left))
        self.income.append(Income(symbol.name, "REALIZED_PNL", realized, symbol.quote, ms))
        fee = min(cost(paid, to_fixed(LIQUIDATION_FEE)), max(stake + realized, 0))
        self._pay(symbol.name, "INSURANCE_CLEAR", -fee, symbol.quote, ms)


def _check_grid(market: Market, order: FuturesOrder) -> None:
    """Check what Binance checks of every order: that the symbol trades, tick, step and least notional."""
    tick, step, notional = lots(market.symbol)
    if market.symbol.status != "TRADING":
        raise ApiError(-4141, "Symbol is closed.")
    if order.amount % step:
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    if order.type not in MARKET_TYPES and order.rate % tick:
        raise ApiError(-4014, "Price not increased by tick size.")
    if not order.reduce_only and cost(order.limit or order.stop_rate or market.last, order.amount) < notional:
        least = notional // E8
        raise ApiError(
            -4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only)."
        )
