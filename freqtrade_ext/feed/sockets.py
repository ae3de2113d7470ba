"""ccxt.pro's connections, without what it makes of their messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ccxt

HANG_UP_SECONDS = 2


def raw_client(client: Any) -> Any:
    """Pass Binance's raw messages to `client.listeners[url]` instead of ccxt's parser."""
    parse, client.listeners = client.handle_message, {}

    def handle_message(ws: Any, message: Any) -> None:
        listener = client.listeners.get(ws.url)
        try:
            (listener or parse)(*((message,) if listener else (ws, message)))
        except Exception as error:  # ccxt would stop to listen without telling anybody
            ws.on_error(error)

    client.handle_message = handle_message
    return client


def notice_dead_lines(client: Any, ping_seconds: float, dead_seconds: float) -> None:
    """
    Set how often a ccxt.pro client pings its connections, and when one without an answer is closed.

    :param ping_seconds: ccxt pings every 18 s to three minutes, so a dead line would look like a calm market.
    :param dead_seconds: without a sign of life; the connection is closed then.
    """
    pings = {"keepAlive": ping_seconds * 1000, "maxPingPongMisses": dead_seconds / ping_seconds}
    client.streaming = client.streaming | pings


def seconds_silent(connections: Iterable[Any]) -> float:
    """Return the time since the last sign of life of the one that has been silent for longest."""
    heard = [ws.last_message_at or 0 for ws in connections]
    return time.time() - min(heard, default=0) / 1000


def combined_url(base: str) -> str:
    """Turn ccxt's url of Binance's single streams into that of combined ones, but for their names."""
    return base.removesuffix("/ws").removesuffix("/stream") + "/stream?streams="


def stream_urls(client: Any, market: Mapping[str, Any]) -> list[str]:
    """Return the combined streams' urls; futures have their trades elsewhere (ccxt 4.5.90, binance.py)."""
    kind = _url_key(client.urls["api"]["ws"], market)
    urls: dict[str, list[str]] = {}
    for channel, stream in (("depth", "depth@100ms"), ("bookTicker", "bookTicker"), ("aggTrade", "aggTrade")):
        base = client.get_ws_url(kind, client.get_future_ws_category(channel))
        urls.setdefault(combined_url(base), []).append(f"{market['lowercaseId']}@{stream}")
    return [base + "/".join(streams) for base, streams in urls.items()]


def _url_key(urls: Mapping[str, Any], market: Mapping[str, Any]) -> str:
    """
    Return the key of the market's WebSocket in ccxt's table.

    :raises ccxt.NotSupported: there is none of the keys known here.
    """
    if not market["contract"]:
        return "spot"
    # ccxt renamed them in 4.5.89
    for key in ("linear", "future") if market["linear"] else ("inverse", "delivery"):
        if key in urls:
            return key
    raise ccxt.NotSupported(f"ccxt {ccxt.__version__} has no stream of {market['symbol']}")


async def hang_up(client: Any, url: str) -> None:
    """Close one of a ccxt.pro client's connections."""
    ws = client.clients.pop(url, None)
    if ws is None:
        return
    try:
        async with asyncio.timeout(HANG_UP_SECONDS):
            if ws.connecting:  # ccxt dials in a task of its own, which would go on
                await ws.connected
            await ws.close()
    except (ccxt.BaseError, TimeoutError):
        pass  # a dead line has nobody to answer


@contextmanager
def own_cancellation_only() -> Iterator[None]:
    """Re-raise our own cancellation; turn ccxt's into NetworkError."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ccxt.NetworkError("the connection was closed") from None


def first_of(error: Exception) -> Exception:
    """Return the first error of groups within groups, as task groups raise them."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
