"""The web server: loopback only, one event loop, the market advanced by its clock and before each answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from freqtrade_ext.replica import usdm_rest
from freqtrade_ext.replica.account import Balances
from freqtrade_ext.replica.control import Control
from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.faults import Faults
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.params import Params
from freqtrade_ext.replica.private import Private, authenticate
from freqtrade_ext.replica.rest import PUBLIC, Handler, Weight
from freqtrade_ext.replica.sockets import Sockets
from freqtrade_ext.replica.streams import Channels
from freqtrade_ext.replica.symbols import RATE_LIMITS
from freqtrade_ext.replica.usdm_account import FuturesAccount
from freqtrade_ext.replica.usdm_funds import FuturesFunds
from freqtrade_ext.replica.usdm_streams import FuturesStreams
from freqtrade_ext.replica.usdm_trading import FuturesOrders

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
_TICK_SECONDS = 0.05
_START_BALANCES = {"USDT": 500 * E8}
_SOCKET_PATHS = ("/ws", "/ws/{streams:.*}", "/stream", "/stream/ws", "/stream/ws/{streams:.*}")
_FUTURES_PATHS = ("/public", "/market")
"""books, and all else: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams"""
_WEIGHT_LIMIT = int(str(RATE_LIMITS[0]["limit"]))


class Server:
    """Binance's endpoints over an exchange: spot and USD-M futures of the same markets."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        account = Balances(exchange, _START_BALANCES)
        self._signed = Private(exchange, account)
        self._futures = FuturesAccount(exchange, _START_BALANCES)
        self._faults = Faults(exchange.now_ms)
        self._sockets = Sockets(self._faults)
        self._control = Control(exchange, account, self._faults, self._sockets)
        self._sockets.streams = self._streams = Channels(exchange.markets, self._sockets.publish)
        self._sockets.futures = self._futures_streams = FuturesStreams(exchange, self._sockets.publish)
        self._weight_minute = 0
        self._weight = 0

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[int]:
        """Serve on loopback until left; gives the port, a free one for 0."""
        runner = web.AppRunner(self._app(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, port, reuse_address=True)
            await site.start()
            driver = asyncio.create_task(self._drive())
            yield runner.addresses[0][1]
            driver.cancel()
            with suppress(asyncio.CancelledError):
                await driver
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application()

        def add(method: str, path: str, handler: Any) -> None:
            app.router.add_route(method, path, self._answering(handler))

        signed = FuturesOrders, FuturesFunds
        futures = [route for part in signed for route in part(self.exchange, self._futures).routes()]
        for path, (handler, weight) in PUBLIC.items():
            add("GET", f"/api/v3/{path}", self._public(handler, weight))
        for method, path, answer, weight in self._signed.routes():
            add(method, f"/api/v3/{path}", self._private(answer, weight))
        for path, (handler, weight) in usdm_rest.PUBLIC.items():
            add("GET", f"/fapi/v1/{path}", self._public(handler, weight))
        for method, path, answer, weight in futures:
            add(method, f"/fapi/{path}", self._private(answer, weight))
        for path in _SOCKET_PATHS:
            add("GET", path, self._sockets.serve)
            for prefix in _FUTURES_PATHS:
                add("GET", prefix + path, self._sockets.serve_futures)
        self._control.add_routes(add)
        add("*", "/{path:.*}", _nowhere)
        return app

    def advance(self, to_ms: int) -> None:
        """Play the markets up to a time and say it on the streams."""
        self.exchange.advance(to_ms)
        self._futures.advance(to_ms)
        self._streams.advance(to_ms)
        self._futures_streams.advance(to_ms)

    async def _drive(self) -> None:
        while True:
            self.advance(self.exchange.now_ms())
            await asyncio.sleep(_TICK_SECONDS)

    def _public(self, handler: Handler, weight: Weight) -> Any:
        async def serve(request: web.Request) -> web.Response:
            self.advance(self.exchange.now_ms())
            params = Params(self.exchange, request.query)
            self._charge(weight if isinstance(weight, int) else weight(params))
            return _json(handler(self.exchange, params))

        return serve

    def _private(self, answer: Callable[[Params], Any], weight: Weight) -> Any:
        async def serve(request: web.Request) -> web.Response:
            self.advance(self.exchange.now_ms())
            body = (await request.read()).decode(errors="replace")
            params = Params(self.exchange, {**dict(parse_qsl(body)), **request.query})
            signed_text = request.rel_url.raw_query_string + body
            authenticate(self.exchange, request.headers.get("X-MBX-APIKEY"), signed_text, params)
            self._charge(weight if isinstance(weight, int) else weight(params))
            return _json(answer(params))

        return serve

    def _charge(self, weight: int) -> None:
        minute = self.exchange.now_ms() // 60_000
        if minute != self._weight_minute:
            self._weight_minute, self._weight = minute, 0
        self._weight += weight
        if self._weight > _WEIGHT_LIMIT:
            wait = 60 - self.exchange.now_ms() // 1000 % 60
            message = (
                f"Too much request weight used; current limit is {_WEIGHT_LIMIT} request weight per "
                "1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
            raise ApiError(-1003, message, 429, {"Retry-After": str(wait)})

    def _answering(self, handler: Any) -> Any:
        """
        Put refusals in Binance's form, and state the weight used.

        No middleware of aiohttp, which would keep a server that is gone, with its whole market (3.13
        web_app.py, `_cached_build_middleware`).
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            try:
                response = await self._answer(request, handler)
            except ApiError as error:
                response = _json(error.body, error.status)
                response.headers.update(error.headers)
            if not response.prepared:
                response.headers["X-MBX-USED-WEIGHT"] = str(self._weight)
                response.headers["X-MBX-USED-WEIGHT-1M"] = str(self._weight)
            return response

        return serve

    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/control/"):
            directed: web.StreamResponse = await handler(request)
            return directed
        self._control.requests[f"{request.method} {request.path}"] += 1
        return await self._faults.serve(request, handler)


async def _nowhere(request: web.Request) -> web.Response:
    return web.Response(text="<html><body><h2>404 Not found</h2></body></html>", status=404)


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")
