"""
Record an exchange's order books and trades as they are told: `python -m freqtrade_ext.record`.

Each file holds one pair and one uninterrupted stretch of time: a snapshot of the book, then the messages of
the combined stream as they came, one a line as `<local time in ns> <JSON>`. A new file begins each hour and
after each gap. `freqtrade_ext.recording` reads them, the embedded exchange plays them.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import logging
import signal
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import ccxt.pro
import orjson
from freqtrade.configuration.load_config import load_from_files
from freqtrade.exceptions import OperationalException
from freqtrade.misc import deep_merge_dicts

from freqtrade_ext.execute.streams import combined_url

logger = logging.getLogger("freqtrade_ext.record")

CHANNELS = ("depth@100ms", "bookTicker", "trade", "aggTrade")
SNAPSHOT_LEVELS = 5000
SNAPSHOT_PAUSE_SECONDS = 1
FIRST_MESSAGE_SECONDS = 3
"""a stream that says nothing for this long after its start is taken for that of a calm pair"""
ROTATE_SECONDS = 3600
FLUSH_SECONDS = 1
PING_SECONDS = 10
RETRY_SECONDS = (1, 2, 5, 10, 30)
REPORT_SECONDS = 60
CCXT_OPTIONS: dict[str, Any] = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchMargins": False,
    "fetchCurrencies": False,
}


class RecordError(RuntimeError):
    """The recording cannot begin or go on; the message says why and what to do."""


class Interrupted(Exception):
    """The stream has a gap, or ended: what follows belongs to another file."""


class Diff(NamedTuple):
    """A difference of the book that a snapshot may need which is on its way."""

    local_ns: int
    first_id: int
    last_id: int
    text: str


class Tape:
    """A gzip file that can be read up to its last flush, whatever ends the process."""

    def __init__(self, path: Path) -> None:
        """:raises RecordError: rather than overwrite anything, or where the file cannot be made."""
        self.path = path
        try:
            self._raw = path.open("xb")
        except OSError as error:
            raise RecordError(f"cannot begin {path}: {error.strerror}") from error
        self._file = gzip.GzipFile("", "wb", fileobj=self._raw)

    def write(self, local_ns: int, text: str) -> None:
        """:raises RecordError: the disk is full."""
        self._do(self._file.write, b"%d %s\n" % (local_ns, text.encode()))

    def flush(self) -> int:
        """Return the bytes on disk."""
        self._do(self._file.flush, zlib.Z_SYNC_FLUSH)
        return self._raw.tell()

    def close(self) -> None:
        try:
            self._do(self._file.close)
        finally:
            self._raw.close()

    def _do(self, action: Callable[..., object], *values: object) -> None:
        try:
            action(*values)
        except OSError as error:
            raise RecordError(f"cannot write {self.path}: {error.strerror}") from error


class PairRecorder:
    """Writes one pair's files."""

    def __init__(self, client: Any, session: aiohttp.ClientSession, pair: str, folder: Path) -> None:
        market = client.market(pair)
        self.pair, self.messages, self.gaps = pair, 0, 0
        self._client, self._session = client, session
        self._path = folder / market["lowercaseId"]
        names = "/".join(f"{market['lowercaseId']}@{channel}" for channel in CHANNELS)
        self._url = combined_url(client.urls["api"]["ws"]["spot"]) + names
        self._heard = asyncio.Event()
        self._tape: Tape | None = None
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
                error = group.exceptions[0]
                if not isinstance(error, (Interrupted, OSError, aiohttp.ClientError, ccxt.BaseError)):
                    raise error from None
                failures = 0 if self._tape is not None else failures + 1
                self._interrupt(error)
            finally:
                self.close()
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])

    async def _listen(self) -> None:
        self._heard.clear()
        async with self._session.ws_connect(self._url, heartbeat=PING_SECONDS, max_msg_size=0) as socket:
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
        self.close()
        began = datetime.fromtimestamp(local_ns / 1e9, UTC)
        self._tape = Tape(self._path.with_name(f"{self._path.name}_{began:%Y%m%d_%H%M%S}.gz"))
        logger.info("%s: %s begins", self.pair, self._tape.path.name)
        self._tape.write(local_ns, orjson.dumps(snapshot).decode())
        if self._gap is not None:
            since_ns, why = self._gap
            # a line that holds no market data, which readers pass over
            self._tape.write(local_ns, json.dumps({"gap": {"since_ns": since_ns, "why": why}}))
            self._gap = None
        self._last_id, self._pending = snapshot_id, None
        for diff in needed:
            self._follow_on(diff)
            self._tape.write(diff.local_ns, diff.text)

    def _interrupt(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        if self._gap is None:
            self.gaps += 1
            self._gap = (time.time_ns(), why)
            logger.warning("%s: gap: %s", self.pair, why)
        else:
            logger.debug("%s: still nothing: %s", self.pair, why)

    def flush(self) -> int:
        """Make what is heard until now readable; return the bytes on disk."""
        return self._bytes_before + (self._tape.flush() if self._tape is not None else 0)

    def close(self) -> None:
        if self._tape is not None:
            self._bytes_before = self.flush()
            self._tape.close()
            self._tape = None


async def record(config: Mapping[str, Any], pairs: Sequence[str], seconds: float, folder: Path) -> None:
    """
    Record the pairs for some time, or until cancelled; files are whole either way.

    :param config: freqtrade's configuration, of which `exchange.ccxt_config` leads to the exchange.
    :raises RecordError: the exchange does not answer or does not trade a pair, or a file cannot be written.
    """
    ours = {"options": CCXT_OPTIONS, "enableRateLimit": True}
    settings = deep_merge_dicts(config.get("exchange", {}).get("ccxt_config", {}), ours)
    client = ccxt.pro.binance(settings)
    try:
        await _check(client, pairs)
        folder.mkdir(parents=True, exist_ok=True)
        async with aiohttp.ClientSession(trust_env=client.aiohttp_trust_env) as session:
            recorders = [PairRecorder(client, session, pair, folder) for pair in pairs]
            await _run(recorders, seconds)
    except OSError as error:
        raise RecordError(f"cannot use --out {folder}: {error.strerror}") from error
    finally:
        await client.close()


async def _check(client: Any, pairs: Sequence[str]) -> None:
    try:
        await client.load_markets()
    except ccxt.BaseError as error:
        raise RecordError(f"binance does not answer: {type(error).__name__}: {error}") from error
    for pair in pairs:
        if pair not in client.markets:
            base = pair.partition("/")[0]
            similar = sorted(name for name in client.markets if name.startswith(base + "/"))[:8]
            hint = f"; with {base} there are {', '.join(similar)}" if similar else ""
            raise RecordError(f"binance spot has no pair {pair}{hint}")


async def _run(recorders: Sequence[PairRecorder], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            for recorder in recorders:
                tasks.create_task(recorder.run())
            tasks.create_task(_report(recorders, seconds))
    except TimeoutError:
        pass
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        print(file=sys.stderr)
        for recorder in recorders:
            logger.info("%s: %d messages, %d gaps", recorder.pair, recorder.messages, recorder.gaps)


async def _report(recorders: Sequence[PairRecorder], seconds: float) -> None:
    """Flush each second, and show how it goes: a line that renews itself, or a line a minute in a log."""
    started = reported = time.monotonic()
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        sizes = [recorder.flush() for recorder in recorders]
        now = time.monotonic()
        parts = [
            f"{r.pair} {r.messages:,} messages {size / 1e6:.1f} MB{f' {r.gaps} gaps' if r.gaps else ''}"
            for r, size in zip(recorders, sizes, strict=True)
        ]
        text = f"{(now - started) / 60:.1f} of {seconds / 60:g} min | " + " | ".join(parts)
        if sys.stderr.isatty():
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif now - reported >= REPORT_SECONDS:
            reported = now
            logger.info("%s", text)


async def _until_stopped(work: asyncio.Task[None]) -> None:
    """Let Ctrl-C and SIGTERM end the work in order."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        logger.info("stopped")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m freqtrade_ext.record", description=__doc__)
    parser.add_argument("--exchange", choices=["binance"], default="binance", help="spot market of")
    parser.add_argument("--pairs", required=True, help="comma separated, e.g. BTC/USDT,NEXO/USDT")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--config", action="append", default=[], help="of freqtrade, e.g. an overlay")
    known = parser.parse_args(arguments)
    known.pairs = list(dict.fromkeys(pair.strip().upper() for pair in known.pairs.split(",") if pair.strip()))
    if not known.pairs or not known.minutes > 0:
        parser.error("--pairs needs a pair, --minutes more than 0")
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    args = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")

    async def work() -> None:
        await _until_stopped(asyncio.create_task(record(config, args.pairs, args.minutes * 60, args.out)))

    try:
        config = load_from_files(args.config) if args.config else {}
        asyncio.run(work())
    except (RecordError, OperationalException) as error:
        print(f"freqtrade_ext.record: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
