"""Faults on demand: answers and streams that go wrong as the real ones do now and then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from freqtrade_ext.replica.errors import ApiError
from freqtrade_ext.replica.exchange import Clock
from freqtrade_ext.replica.messages import Message

_MESSAGES = {
    429: (-1003, "Too many requests queued."),
    418: (
        -1003,
        "Way too much request weight used; IP banned. Please use WebSocket Streams for live updates.",
    ),
}
_INTERNAL = (-1001, "Internal error; unable to process your request. Please try again.")
StreamFaultKind = Literal["gap", "silence", "duplicate", "reorder"]


@dataclass(slots=True, kw_only=True)
class RequestFault:
    """What happens to the next `count` requests whose path matches; several things may."""

    path: str
    count: int = 1
    delay: float = 0.0
    """seconds before anything is answered"""
    status: int | None = None
    retry_after: int | None = None
    """seconds, as the header of that name"""
    body: str | None = None
    """answered as it is with status 200: garbage, nothing, {} or []"""
    truncated: bool = False
    """the true answer ends in its middle"""
    cut: bool = False
    """the connection breaks in the middle of the answer"""


@dataclass(slots=True, kw_only=True)
class StreamFault:
    """What happens to the next `count` messages of the streams that match, or to all for some seconds."""

    stream: str
    kind: StreamFaultKind
    count: int = 1
    until_ms: int = 0
    held: Message | None = None


class Faults:
    """The faults that are due."""

    def __init__(self, clock: Clock) -> None:
        self._now_ms = clock
        self._requests: list[RequestFault] = []
        self._streams: list[StreamFault] = []

    def add_request(self, fault: RequestFault) -> None:
        re.compile(fault.path)
        self._requests.append(fault)

    def add_stream(self, fault: StreamFault, seconds: float) -> None:
        re.compile(fault.stream)
        fault.until_ms = self._now_ms() + int(seconds * 1000)
        self._streams.append(fault)

    def clear(self) -> None:
        self._requests.clear()
        self._streams.clear()

    async def serve(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer a request, wrongly where a fault waits for it."""
        fault = next((f for f in self._requests if re.search(f.path, request.path)), None)
        if fault is None:
            return await handler(request)
        fault.count -= 1
        if fault.count <= 0:
            self._requests.remove(fault)
        await asyncio.sleep(fault.delay)
        if fault.status is not None:
            code, message = _MESSAGES.get(fault.status, _INTERNAL)
            wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            raise ApiError(code, message, fault.status, wait)
        if fault.body is not None:
            return web.Response(text=fault.body, content_type="application/json")
        response = await handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            half = response.body[: len(response.body) // 2]
            if fault.truncated:
                return web.Response(body=half, content_type="application/json")
            if fault.cut:
                return await _break_off(request, half, len(response.body))
        return response

    def through(self, name: str, message: Message) -> list[Message]:
        """Return what arrives of a stream's message: usually just the message."""
        for fault in self._streams:
            if re.search(fault.stream, name):
                return self._spoil(fault, message)
        return [message]

    def _spoil(self, fault: StreamFault, message: Message) -> list[Message]:
        if fault.kind == "silence":
            if self._now_ms() < fault.until_ms:
                return []
            self._streams.remove(fault)
            return [message]
        if fault.kind == "reorder" and fault.held is None:
            fault.held = message
            return []
        fault.count -= 1
        if fault.count <= 0:
            self._streams.remove(fault)
        if fault.kind == "gap":
            return []
        earlier, fault.held = fault.held, None
        return [message, message if earlier is None else earlier]


async def _break_off(request: web.Request, half: bytes, length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = length
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        request.transport.close()
    return response
