"""WebSocket connections: raw and combined streams, and Binance's messages to subscribe live."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from freqtrade_ext.replica.faults import Faults
from freqtrade_ext.replica.messages import Message
from freqtrade_ext.replica.streams import Channels
from freqtrade_ext.replica.usdm_streams import FUTURES

_QUEUE_LENGTH = 20_000
"""messages a client may be behind before it is disconnected"""
_PING_SECONDS = 20.0
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE")


class _Client:
    """One connection and what it follows."""

    def __init__(self, combined: bool, prefix: str = "") -> None:
        self.combined = combined
        self.prefix = prefix
        """of all its streams' names, which spot and futures share"""
        self.follows: dict[str, None] = {}
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUE_LENGTH)
        """texts to send; None ends the connection"""

    def names(self) -> list[str]:
        """Streams followed, as the client named them."""
        return [name.removeprefix(self.prefix) for name in self.follows]

    def say(self, text: str) -> None:
        if self.queue.full():
            self.end()
        else:
            self.queue.put_nowait(text)

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Sockets:
    """All connections; `publish` reaches those that follow the stream."""

    def __init__(self, faults: Faults) -> None:
        self.streams: Channels
        self.futures: Channels
        self._faults = faults
        self._clients: set[_Client] = set()
        self._followed: Counter[str] = Counter()

    def publish(self, name: str, message: Message) -> None:
        for arriving in self._faults.through(name, message):
            self._publish(name, arriving)

    def _publish(self, name: str, message: Message) -> None:
        raw = orjson.dumps(message).decode()
        combined = f'{{"stream":"{name.removeprefix(FUTURES)}","data":{raw}}}'
        for client in self._clients:
            if name in client.follows:
                client.say(combined if client.combined else raw)

    def disconnect(self) -> None:
        for client in self._clients:
            client.end()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, _Client(request.path == "/stream"))

    async def serve_futures(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, _Client(request.path.endswith("/stream"), FUTURES))

    async def _serve(self, request: web.Request, client: _Client) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=_PING_SECONDS)
        await socket.prepare(request)
        self._clients.add(client)
        named = request.query.get("streams", "") or request.match_info.get("streams", "")
        # ccxt.pro numbers its connections where Binance expects names of streams
        self._follow(client, [name for name in named.split("/") if "@" in name])
        sender = asyncio.create_task(self._send(client, socket))
        try:
            async for received in socket:
                if received.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    client.say(orjson.dumps(self._answer(client, received.data)).decode())
        finally:
            self._clients.discard(client)
            self._unfollow(client, client.names())
            sender.cancel()
        return socket

    async def _send(self, client: _Client, socket: web.WebSocketResponse) -> None:
        while (text := await client.queue.get()) is not None:
            await socket.send_str(text)
        await socket.close()

    def _follow(self, client: _Client, names: list[str]) -> None:
        streams = self.futures if client.prefix else self.streams
        for name in names:
            full_name = client.prefix + name
            if full_name in client.follows:
                continue
            client.follows[full_name] = None
            self._followed[full_name] += 1
            if self._followed[full_name] == 1:
                streams.follow(name)

    def _unfollow(self, client: _Client, names: list[str]) -> None:
        streams = self.futures if client.prefix else self.streams
        for name in names:
            full_name = client.prefix + name
            if full_name not in client.follows:
                continue
            del client.follows[full_name]
            self._followed[full_name] -= 1
            if self._followed[full_name] == 0:
                streams.unfollow(name)

    def _answer(self, client: _Client, text: str | bytes) -> dict[str, Any]:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return {"code": 3, "msg": f"Invalid JSON: {error}"}
        if not isinstance(request, dict) or "method" not in request:
            return {"code": 2, "msg": "Invalid request: missing field `method`"}
        method, params = request["method"], request.get("params") or []
        if method not in _METHODS:
            known = ", ".join(f"`{name}`" for name in _METHODS)
            return {"code": 2, "msg": f"Invalid request: unknown variant `{method}`, expected one of {known}"}
        if not isinstance(params, list):
            return {"code": 2, "msg": "Invalid request: invalid type, expected a sequence"}
        do = self._follow if method == "SUBSCRIBE" else self._unfollow
        do(client, [str(name) for name in params])
        return {"result": None, "id": request.get("id")}
