"""Record one pair of Bitstamp order by order, as its public WebSocket API v2 tells of it."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import orjson

from freqtrade_ext.run.record_pair import PING_SECONDS, Interrupted, PairRecorder

CHANNELS = ("live_orders", "live_trades")
BY_ORDER = 2
"""`group` of the REST order book that lists each order with its id"""


class OrderRecorder(PairRecorder):
    """
    Writes a snapshot of all orders, then the messages of `live_orders` and `live_trades` stamped after it.

    Messages have no numbers, so a lost one does not show; a connection that ends begins a new file.
    """

    _news: list[tuple[int, int, str]] | None = None
    """local ns, microtimestamp and text of what came since the next file's snapshot was asked for"""

    async def _listen(self) -> None:
        self._heard.clear()
        url = self._client.urls["api"]["ws"]
        async with self._session.ws_connect(url, heartbeat=PING_SECONDS, max_msg_size=0) as socket:
            for channel in CHANNELS:
                data = {"channel": f"{channel}_{self._symbol}"}
                await socket.send_json({"event": "bts:subscribe", "data": data})
            waits_for = set(CHANNELS)
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    waits_for -= self._take_message(time.time_ns(), message.data)
                    if not waits_for:
                        self._heard.set()
        raise Interrupted(f"the exchange ended the connection (code {socket.close_code})")

    def _take_message(self, local_ns: int, text: str) -> set[str]:
        """
        Handle a message; return the channel that it confirms, if any.

        :raises Interrupted: the exchange asks for another connection, or refuses a channel.
        """
        message: dict[str, Any] = orjson.loads(text)
        event, data = message.get("event", ""), message.get("data") or {}
        if event in ("bts:request_reconnect", "bts:error"):
            raise Interrupted(f"the exchange says {event} {data}")
        if event == "bts:subscription_succeeded":
            return {message["channel"].removesuffix(f"_{self._symbol}")}
        if "microtimestamp" in data:
            self.messages += 1
            if self._news is not None:
                self._news.append((local_ns, int(data["microtimestamp"]), text))
            if self._tape is not None:
                self._tape.write(local_ns, text)
        return set()

    async def _begin_file(self) -> None:
        """Change to a new file: a snapshot, and what was told of later moments until it came."""
        await self._heard.wait()
        self._news = []
        snapshot = await self._client.public_get_order_book_pair({"pair": self._symbol, "group": BY_ORDER})
        local_ns, stamp = time.time_ns(), int(snapshot["microtimestamp"])
        news, self._news = self._news, None
        tape = self._open_file(local_ns, orjson.dumps(snapshot).decode())
        for heard_ns, told, text in news:
            if told > stamp:
                tape.write(heard_ns, text)
