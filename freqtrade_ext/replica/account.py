"""The one test account: balances, and orders that really rest and match in the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from freqtrade_ext.replica import price_range, rules
from freqtrade_ext.replica.book import Resting
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import cost, to_text
from freqtrade_ext.replica.happenings import OPPOSITE, AggTrade, Trade
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.orders import MARKET_TYPES, STOP_TYPES, Fill, Order

# Binance's usual fee, maker and taker alike: 0.1 % of what is received
COMMISSION_PARTS = 1000
_FIRST_ORDER = 7_000_000_001
"""each account counts its own, far from the others'"""


@dataclass(slots=True)
class Balance:
    """Of one asset, in units of 1e-8."""

    free: int = 0
    locked: int = 0


class Balances:
    """Places, cancels and fills orders; observes the market's trades."""

    first_order = _FIRST_ORDER

    def __init__(self, exchange: Exchange, balances: Mapping[str, int]) -> None:
        self._exchange = exchange
        self._balances = {asset: Balance(amount) for asset, amount in balances.items()}
        self.orders: dict[int, Order] = {}
        self._open: dict[int, Order] = {}
        self.next_id = self.first_order
        for market in exchange.markets:
            market.observers.append(self)

    def balance(self, asset: str) -> Balance:
        return self._balances.setdefault(asset, Balance())

    def balances(self) -> list[dict[str, str]]:
        return [
            {"asset": asset, "free": to_text(balance.free), "locked": to_text(balance.locked)}
            for asset, balance in self._balances.items()
        ]

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        return [o for o in self._open.values() if symbol in (None, o.symbol)]

    def check(self, market: Market, order: Order) -> None:
        """
        Check an order as the exchange does before it accepts it.

        :raises ApiError: the exchange's refusal.
        """
        if market.symbol.status != "TRADING":
            raise ApiError(-1013, "Market is closed.")
        is_market = order.type in MARKET_TYPES
        rules.check_amount(market, order.amount, is_market)
        if not is_market:
            rules.check_rate(market, order.side, order.rate)
        rules.check_notional(market, order.amount, None if is_market else order.rate)
        if order.type in STOP_TYPES:
            self._check_stop(market, order)
        mine = self.open_orders(order.symbol)
        stops = sum(o.type in STOP_TYPES for o in mine)
        rules.check_count(len(mine), stops, order.type in STOP_TYPES)
        if order.type == "LIMIT_MAKER" and self._crosses(market, order):
            raise ApiError(-2010, "Order would immediately match and take.")
        if self._need(market, order) > self.balance(self._given(market, order)).free:
            raise ApiError(-2010, "Account has insufficient balance for requested action.")

    def _check_stop(self, market: Market, order: Order) -> None:
        rules.check_stop_rate(market, order.stop_rate)
        if order.triggers_at(market.last):
            raise ApiError(-2010, "Stop price would trigger immediately.")

    def place(self, market: Market, order: Order) -> None:
        """Accept a checked order: lock what it may cost, and match it or let it wait."""
        self.orders[order.id] = self._open[order.id] = order
        self._lock(market, order)
        if order.type not in STOP_TYPES:
            self._work(market, order, order.placed_ms)

    def cancel(self, market: Market, order: Order, ms: int, status: str = "CANCELED") -> None:
        order.status = status
        order.updated_ms = ms
        if order.resting is not None:
            market.withdraw(ms, order.side, order.resting)
            order.resting = None
        self._finish(market, order)

    def _work(self, market: Market, order: Order, ms: int) -> None:
        order.working_ms = order.updated_ms = ms
        self._expire_own_makers(market, order, ms)
        if order.time_in_force == "FOK" and self._reachable(market, order)[0] < order.amount:
            self.cancel(market, order, ms, "EXPIRED")
            return
        if not self._leaves_range(market, order):
            for trade in market.take(ms, order.side, order.amount, self._worst(market, order)):
                self._fill(market, order, trade, is_maker=False)
        if not order.is_open:
            return
        if self._leaves_range(market, order):
            order.expiry_reason = price_range.EXCEEDED
        if order.expiry_reason or order.limit is None or order.time_in_force != "GTC":
            self.cancel(market, order, ms, "EXPIRED")
            return
        order.resting = Resting(order.id, order.rate, order.amount - order.filled)
        market.rest(ms, order.side, order.resting)

    def _range(self, market: Market, order: Order) -> tuple[int, int | None]:
        """Return the lowest and the highest rate at which the order may take; None for no end."""
        return price_range.rates(market.symbol, order.side)

    def _worst(self, market: Market, order: Order) -> int | None:
        """Return the worst rate at which the order may take: the nearer of its limit and the price range."""
        lowest, highest = self._range(market, order)
        if order.side == "sell":
            return lowest if order.limit is None else max(order.limit, lowest)
        ends = [rate for rate in (order.limit, highest) if rate is not None]
        return min(ends, default=None)

    def _leaves_range(self, market: Market, order: Order) -> bool:
        """Return whether the next level that the order takes from lies outside the price range."""
        makers = market.side(OPPOSITE[order.side])
        best = makers.best()
        if best is None or (order.limit is not None and not makers.reaches(best, order.limit)):
            return False
        lowest, highest = self._range(market, order)
        return best < lowest or (highest is not None and best > highest)

    def _expire_own_makers(self, market: Market, taker: Order, ms: int) -> None:
        """Binance's default against trading with oneself: the resting order expires."""
        makers = market.side(OPPOSITE[taker.side])
        for order in self.open_orders(taker.symbol):
            meets = order.resting is not None and order.side != taker.side
            if meets and (taker.limit is None or makers.reaches(order.rate, taker.limit)):
                self.cancel(market, order, ms, "EXPIRED_IN_MATCH")

    def _crosses(self, market: Market, order: Order) -> bool:
        makers = market.side(OPPOSITE[order.side])
        best = makers.best()
        return best is not None and makers.reaches(best, order.rate)

    def _reachable(self, market: Market, order: Order) -> tuple[int, int]:
        """Amount and cost that the book offers within the order's limit, up to its amount."""
        makers = market.side(OPPOSITE[order.side])
        left, paid, worst = order.amount, 0, self._worst(market, order)
        for rate, shown in makers.levels():
            if left == 0 or (worst is not None and not makers.reaches(rate, worst)):
                break
            taken = min(left, shown)
            left -= taken
            paid += cost(rate, taken)
        return order.amount - left, paid

    def _given(self, market: Market, order: Order) -> str:
        return market.symbol.quote if order.side == "buy" else market.symbol.base

    def _need(self, market: Market, order: Order) -> int:
        """Return what the order may cost at most, in units of the asset given."""
        if order.side == "sell":
            return order.amount
        if order.limit is not None:
            return cost(order.limit, order.amount)
        waits = order.awaits_stop
        return cost(order.stop_rate, order.amount) if waits else self._reachable(market, order)[1]

    def _lock(self, market: Market, order: Order) -> None:
        balance = self.balance(self._given(market, order))
        order.locked = self._need(market, order)
        balance.free -= order.locked
        balance.locked += order.locked

    def _unlock(self, market: Market, order: Order) -> None:
        balance = self.balance(self._given(market, order))
        balance.free += order.locked
        balance.locked -= order.locked
        order.locked = 0

    def _finish(self, market: Market, order: Order) -> None:
        self._unlock(market, order)
        del self._open[order.id]

    def _fill(self, market: Market, order: Order, trade: Trade, is_maker: bool) -> None:
        symbol, paid = market.symbol, cost(trade.rate, trade.amount)
        is_buy = order.side == "buy"
        given, received = (paid, trade.amount) if is_buy else (trade.amount, paid)
        received_asset = symbol.base if is_buy else symbol.quote
        reserved = cost(order.rate, trade.amount) if is_buy and order.rate else given
        freed = min(reserved, order.locked)
        balance = self.balance(self._given(market, order))
        balance.locked -= freed
        balance.free += freed - given
        order.locked -= freed
        commission = received // COMMISSION_PARTS
        self.balance(received_asset).free += received - commission
        self._book(market, order, trade, Fill.of(trade, commission, received_asset, is_maker))

    def _book(self, market: Market, order: Order, trade: Trade, fill: Fill) -> None:
        """Write a fill into its order."""
        order.fills.append(fill)
        order.filled += trade.amount
        order.spent += cost(trade.rate, trade.amount)
        order.updated_ms = trade.ms
        order.status = "PARTIALLY_FILLED"
        if order.filled == order.amount:
            order.status = "FILLED"
            order.resting = None
            self._finish(market, order)

    def filled(self, market: Market, order_id: int, trade: Trade) -> None:
        if order_id in self.orders:
            self._fill(market, self.orders[order_id], trade, is_maker=True)

    def traded(self, market: Market, trades: Sequence[Trade], agg: Sequence[AggTrade]) -> None:
        """Trigger stops on the last trade's rate."""
        if not any(order.awaits_stop for order in self.open_orders(market.symbol.name)):
            return
        for trade in trades:
            for order in self.open_orders(market.symbol.name):
                if order.awaits_stop and order.triggers_at(trade.rate):
                    self._trigger(market, order, trade.ms)

    def _trigger(self, market: Market, order: Order, ms: int) -> None:
        self._unlock(market, order)
        order.working_ms = ms
        if self._need(market, order) > self.balance(self._given(market, order)).free:
            self.cancel(market, order, ms, "EXPIRED")
            return
        self._lock(market, order)
        self._work(market, order, ms)

    def book_changed(self, market: Market, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        """Orders are filled by trades only."""
