"""Record one pair: its snapshots over REST, its streams over one WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import ccxt.pro
import orjson

from freqtrade_ext.feed.sockets import combined_url, first_of
from freqtrade_ext.feed.streams import OutOfStep
from freqtrade_ext.tape.writer import RecordingFile

logger = logging.getLogger(__name__)

CHANNELS = ("depth@100ms", "bookTicker", "trade", "aggTrade")
SNAPSHOT_LEVELS = 5000
SNAPSHOT_PAUSE_SECONDS = 1
FIRST_MESSAGE_SECONDS = 3
"""a stream that says nothing for this long after its start is taken for that of a calm pair"""
ROTATE_SECONDS = 3600
PING_SECONDS = 10
RETRY_SECONDS = (1, 2, 5, 10, 30)


class Interrupted(Exception):
    """The stream has a gap, or ended: what follows belongs to another file."""


INTERRUPTIONS = (Interrupted, OutOfStep, OSError, aiohttp.ClientError, ccxt.BaseError)


class Diff(NamedTuple):
    """A difference of the book that a snapshot may need which is on its way."""

    local_ns: int
    first_id: int
    last_id: int
    text: str


class PairRecorder:
    """Writes one pair's files."""

    def __init__(self, client: Any, session: aiohttp.ClientSession, pair: str, folder: Path) -> None:
        self.pair, self.messages, self.gaps = pair, 0, 0
        self._client, self._session = client, session
        self._symbol = client.market(pair)["id"].lower()
        self._path = folder / self._symbol
        self._heard = asyncio.Event()
        self._tape: RecordingFile | None = None
        self._bytes_before = 0
        self._last_id: int | None = None
        """of the last difference in the file"""
        self._pending: list[Diff] | None = None
        """differences since the next file's snapshot was asked for"""
        self._gap: tuple[int, str] | None = None
        """since when (local ns) and why nothing is recorded"""

    async def run(self) -> None:
        """
        Record until cancelled.

        :raises RecordError: the files cannot be written.
        """
        failures = 0
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen())
                    tasks.create_task(self._begin_files())
            except ExceptionGroup as group:
                error = first_of(group)
                if not isinstance(error, INTERRUPTIONS):
                    raise error from None
                failures = 0 if self._tape is not None else failures + 1
                self._interrupt(error)
            finally:
                self.close()
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    async def _listen(self) -> None:
        self._heard.clear()
        names = "/".join(f"{self._symbol}@{channel}" for channel in CHANNELS)
        url = combined_url(self._client.urls["api"]["ws"]["spot"]) + names
        async with self._session.ws_connect(url, heartbeat=PING_SECONDS, max_msg_size=0) as socket:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._take(time.time_ns(), message.data)
        raise Interrupted(f"the exchange ended the connection (code {socket.close_code})")

    def _take(self, local_ns: int, text: str) -> None:
        self._heard.set()
        self.messages += 1
        if '"depthUpdate"' in text:
            data = orjson.loads(text)["data"]
            diff = Diff(local_ns, data["U"], data["u"], text)
            if self._pending is not None:
                self._pending.append(diff)
            if self._tape is not None:
                self._follow_on(diff)
        if self._tape is not None:
            self._tape.write(local_ns, text)

    def _follow_on(self, diff: Diff) -> None:
        """:raises Interrupted: a difference is missing before this one."""
        if self._last_id is not None and diff.first_id > self._last_id + 1:
            raise Interrupted(f"update {self._last_id + 1} is missing, {diff.first_id} came")
        self._last_id = max(self._last_id or 0, diff.last_id)

    async def _begin_files(self) -> None:
        try:
            async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                await self._heard.wait()
        except TimeoutError:
            logger.debug("%s is calm", self.pair)
        while True:
            await self._begin_file()
            await asyncio.sleep(ROTATE_SECONDS)

    async def _begin_file(self) -> None:
        """Change to a new file as soon as a snapshot is there that the differences go on from."""
        symbol = self._client.market_id(self.pair)
        self._pending = []
        while True:
            snapshot = await self._client.public_get_depth({"symbol": symbol, "limit": SNAPSHOT_LEVELS})
            snapshot_id, local_ns = int(snapshot["lastUpdateId"]), time.time_ns()
            needed = [diff for diff in self._pending if diff.last_id > snapshot_id]
            if not needed or needed[0].first_id <= snapshot_id + 1:
                break
            await asyncio.sleep(SNAPSHOT_PAUSE_SECONDS)
        tape = self._open_file(local_ns, orjson.dumps(snapshot).decode())
        self._last_id, self._pending = snapshot_id, None
        for diff in needed:
            self._follow_on(diff)
            tape.write(diff.local_ns, diff.text)

    def _open_file(self, local_ns: int, snapshot: str) -> RecordingFile:
        """Change to a new file, which begins with a snapshot and why there is a gap before it."""
        self.close()
        began = datetime.fromtimestamp(local_ns / 1e9, UTC)
        tape = RecordingFile(self._path.with_name(f"{self._path.name}_{began:%Y%m%d_%H%M%S}.gz"))
        logger.info("%s: %s begins", self.pair, tape.path.name)
        tape.write(local_ns, snapshot)
        if self._gap is not None:
            since_ns, why = self._gap
            # a line that holds no market data, which readers pass over
            tape.write(local_ns, json.dumps({"gap": {"since_ns": since_ns, "why": why}}))
            self._gap = None
        self._tape = tape
        return tape

    def _interrupt(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        if self._gap is None:
            self.gaps += 1
            self._gap = (time.time_ns(), why)
            logger.warning("%s: gap: %s", self.pair, why)
        else:
            logger.debug("%s: still nothing: %s", self.pair, why)

    def flush(self) -> int:
        """Flush what was received so far; return the bytes on disk."""
        return self._bytes_before + (self._tape.flush() if self._tape is not None else 0)

    def close(self) -> None:
        if self._tape is not None:
            self._bytes_before = self.flush()
            self._tape.close()
            self._tape = None
