"""What Binance does not have: endpoints under /control/ that let a test or a user direct the market."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from freqtrade_ext.replica import price_range
from freqtrade_ext.replica.account import Balances
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.faults import Faults, RequestFault, StreamFault
from freqtrade_ext.replica.fixed import E8, cost, to_fixed, to_text
from freqtrade_ext.replica.happenings import BuySell, KnownTrade, Level, Quotes
from freqtrade_ext.replica.sockets import Sockets

Body = dict[str, Any]
CHANGEABLE = ("tick", "step", "min_notional", "max_market_amount")
"""trading rules of a symbol"""
_MOST = 10**9 * E8
_MOST_SECONDS = 1e9
_MOST_COST = 2 * 10**10 * E8


class Control:
    """Orders to the market; each is a POST with a JSON object, refused with 400 and the reason."""

    def __init__(self, exchange: Exchange, account: Balances, faults: Faults, sockets: Sockets) -> None:
        self._exchange = exchange
        self._account = account
        self._faults = faults
        self._sockets = sockets
        self.requests: Counter[str] = Counter()
        """requests served by method and path, control itself left out"""

    def add_routes(self, add: Callable[[str, str, Any], None]) -> None:
        for name, action in {
            "move": self._move,
            "book": self._book,
            "release": self._release,
            "trade": self._trade,
            "print": self._print,
            "symbol": self._symbol,
            "balance": self._balance,
            "fault": self._fault,
        }.items():
            add("POST", f"/control/{name}", self._served(action))
        add("GET", "/control/requests", self._get_requests)
        add("DELETE", "/control/requests", self._forget_requests)

    def _served(self, action: Callable[[Body], Body]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            self._exchange.advance(self._exchange.now_ms())
            try:
                return web.json_response(action(orjson.loads(await request.read())))
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, re.error) as error:
                return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

        return serve

    def _move(self, body: Body) -> Body:
        """{"symbol", "to": rate, "seconds": 0}: go there in a straight way and stay there."""
        running = self._exchange.running[body["symbol"]]
        if running.market.frozen:
            raise ValueError(f"the book of {body['symbol']} is frozen: release it first")
        running.source.move(self._exchange.now_ms(), _positive(body["to"]), _seconds(body))
        return {}

    def _book(self, body: Body) -> Body:
        """{"symbol", "bids": [[rate, amount], ...], "asks"}: exactly this book, and nobody else trades."""
        market = self._exchange.running[body["symbol"]].market
        bids, asks = _levels(body["bids"]), _levels(body["asks"])
        market.frozen = True
        market.apply(Quotes(self._exchange.now_ms(), bids, asks, whole=True))
        return {"lastUpdateId": market.update_id}

    def _release(self, body: Body) -> Body:
        """{"symbol"}: the market goes on by itself, from its book as it is."""
        running = self._exchange.running[body["symbol"]]
        running.market.frozen = False
        running.source.skip(self._exchange.now_ms())
        return {}

    def _trade(self, body: Body) -> Body:
        """{"symbol", "side", "amount", "limit": none}: a stranger's aggressive order."""
        market = self._exchange.running[body["symbol"]].market
        limit = _positive(body["limit"]) if body.get("limit") is not None else None
        trades = market.take(self._exchange.now_ms(), _side(body), _positive(body["amount"]), limit)
        return {"fills": [[to_text(trade.rate), to_text(trade.amount)] for trade in trades]}

    def _print(self, body: Body) -> Body:
        """{"symbol", "side" of the aggressor, "rate", "amount"}: a print that leaves others' quotes alone."""
        market = self._exchange.running[body["symbol"]].market
        market.apply(KnownTrade(self._exchange.now_ms(), _side(body), *_level(body["rate"], body["amount"])))
        return {}

    def _symbol(self, body: Body) -> Body:
        """
        {"symbol", "status", "price_range", "reference", and any of `CHANGEABLE`}: change what is given of the
        trading rules. The price range has Binance's four multipliers; a reference of null is not set now.

        Nobody trades while the status is another than TRADING (Binance's words: HALT, BREAK). A pair whose
        status is DELISTED is not listed any more, and no request for it is answered.
        """
        running = self._exchange.running[body["symbol"]]
        changes: dict[str, Any] = {name: _positive(body[name]) for name in CHANGEABLE if name in body}
        if "status" in body:
            changes["status"] = str(body["status"])
        if "price_range" in body:
            changes["price_range"] = price_range.read(body["price_range"])
        if "reference" in body:
            changes["reference"] = 0 if body["reference"] is None else _positive(body["reference"])
        running.market.symbol = replace(running.market.symbol, **changes)
        if running.market.is_trading:
            running.source.skip(self._exchange.now_ms())
        return running.market.symbol.info()

    def _balance(self, body: Body) -> Body:
        """{"USDT": 500, ...}: set what the test account has free."""
        for asset, amount in body.items():
            self._account.balance(asset).free = to_fixed(amount)
        return {"balances": self._account.balances()}

    def _fault(self, body: Body) -> Body:
        """
        {"path": regex, and fields of RequestFault}, {"stream": regex, "kind", "count" or "seconds"},
        {"disconnect": true} for all sockets at once, or {"clear": true}.
        """
        if body.pop("clear", False):
            self._faults.clear()
        if body.pop("disconnect", False):
            self._sockets.disconnect()
        seconds = _seconds(body)
        body.pop("seconds", None)
        if "stream" in body:
            self._faults.add_stream(StreamFault(**body), seconds)
        elif body:
            self._faults.add_request(RequestFault(**body))
        return {}

    async def _get_requests(self, request: web.Request) -> web.Response:
        return web.json_response({"counts": dict(self.requests), "total": self.requests.total()})

    async def _forget_requests(self, request: web.Request) -> web.Response:
        self.requests.clear()
        return web.json_response({})


def _levels(rows: list[list[float | str]]) -> list[Level]:
    return [_level(rate, amount) for rate, amount in rows]


def _level(rate: float | str, amount: float | str) -> Level:
    """Read a level or a print; candles count in 64 bits what it costs."""
    level = to_fixed(rate), to_fixed(amount)
    if level[0] <= 0 or level[1] < 0 or max(*level, cost(*level)) > _MOST_COST:
        raise ValueError(f"no market trades {amount!r} at {rate!r}")
    return level


def _positive(number: float | str) -> int:
    """Read a number that the market can go on with."""
    fixed = to_fixed(number)
    if not 0 < fixed <= _MOST:
        raise ValueError(f"must be above 0 and at most {_MOST // E8}, is {number!r}")
    return fixed


def _seconds(body: Body) -> float:
    seconds = float(body.get("seconds", 0))
    if not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError(f"seconds must be from 0 to {_MOST_SECONDS:g}, is {seconds}")
    return seconds


def _side(body: Body) -> BuySell:
    side: BuySell = body["side"]
    if side not in ("buy", "sell"):
        raise ValueError(f"side must be buy or sell, is {side!r}")
    return side
