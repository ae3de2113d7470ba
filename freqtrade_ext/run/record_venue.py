"""Record one pair of Bybit, OKX or Hyperliquid: the messages of its streams as they come to ccxt.pro."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from freqtrade_ext.feed.sockets import notice_dead_lines, own_cancellation_only
from freqtrade_ext.feed.unified import DEPTHS, check_sequence
from freqtrade_ext.run.record_pair import PING_SECONDS, ROTATE_SECONDS, Interrupted, PairRecorder

FUTURES = {"bybit": "linear", "okx": "swap", "hyperliquid": "swap"}
"""what ccxt calls the venues' futures in its option `fetchMarkets`"""


class VenueRecorder(PairRecorder):
    """
    Writes what a connection of the pair's own says of book and trades, as deep as the live feed follows it.

    Each subscription begins with a whole book, so a gap, a lost connection and a new hour begin another file.
    """

    def __init__(
        self,
        new_client: Callable[[], Any],
        client: Any,
        session: aiohttp.ClientSession,
        pair: str,
        folder: Path,
    ) -> None:
        """
        :param new_client: makes a ccxt.pro client for each connection.
        :param client: one with its markets.
        """
        super().__init__(client, session, pair, folder)
        self._new_client = new_client
        self._path = folder / pair.lower().replace("/", "-").replace(":", "-")
        market = client.market(pair)
        self._depth = DEPTHS[client.id, market["spot"]]
        about = {"exchange": client.id, "pair": pair, "contractSize": market["contractSize"] or 1}
        self._first_line = orjson.dumps(about).decode()

    async def _listen(self) -> None:
        client = self._new_client()
        client.set_markets(self._client.markets)
        notice_dead_lines(client, PING_SECONDS, 2 * PING_SECONDS)
        if client.id == "bybit":
            check_sequence(client)
        parse = client.handle_message

        def handle_message(ws: Any, message: Any) -> None:
            try:
                self._take_message(time.time_ns(), message)
            except Exception as error:  # ccxt would stop to listen without telling anybody
                ws.on_error(error)
            else:
                parse(ws, message)

        client.handle_message = handle_message
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(client.watch_order_book, self.pair, self._depth))
                tasks.create_task(self._repeat(client.watch_trades, self.pair))
        finally:
            await client.close()

    async def _repeat(self, watch: Callable[..., Any], *args: Any) -> None:
        with own_cancellation_only():
            while True:
                await watch(*args)

    def _take_message(self, local_ns: int, message: Any) -> None:
        if not isinstance(message, dict):  # OKX's pong
            return
        tape = self._tape or self._open_file(local_ns, self._first_line)
        tape.write(local_ns, orjson.dumps(message).decode())
        self.messages += 1

    async def _begin_files(self) -> None:
        await asyncio.sleep(ROTATE_SECONDS)
        raise Interrupted("another hour begins")
