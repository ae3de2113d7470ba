"""Read raw recordings of Binance's market data streams, of any length, in constant memory."""

from __future__ import annotations

import gzip
import heapq
import io
import logging
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import orjson

logger = logging.getLogger(__name__)

Kind = Literal["snapshot", "depth", "trade", "aggTrade", "bookTicker", "kline"]
_STREAM_KINDS: dict[str, Kind] = {
    "depth": "depth",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "kline": "kline",
}
_EVENT_KINDS: dict[str, Kind] = {
    "depthUpdate": "depth",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "kline": "kline",
}
_DATA, _END = b',"data":', b"}}"
_DAMAGE = (ValueError, AttributeError, TypeError, KeyError)
_CUT_OFF = (EOFError, OSError, zlib.error)
_PIECE_BYTES = 1 << 17
_PER_MS = {19: 1e6, 16: 1e3, 13: 1.0}
"""local time's units per ms, by its number of digits"""
# cryptofeed writes `<url> -> <time>: <json>` for REST and `<url> <-> <time>` for an opened socket
_HTTP_LINE = re.compile(rb"^(https?://\S+) -> ([\d.]+): (.*)$", re.DOTALL)
_SYMBOL_IN_URL = re.compile(rb"[?&]symbol=(\w+)")


class RecordingError(ValueError):
    """A file that holds nothing this project can play."""


class Record(NamedTuple):
    """One message of a recording."""

    kind: Kind
    local_ms: float
    """Recorder's clock, ms since 1970. It may be off by seconds. The exchange's own time where a file has no
    local times, 0.0 where it has neither (a bare snapshot)."""
    symbol: str
    """Exchange's name, e.g. BTCUSDT. A snapshot that names none belongs to the symbol around it."""
    raw: bytes
    """JSON text of the event or snapshot"""

    @property
    def data(self) -> dict[str, Any]:
        """
        The event or snapshot, parsed at each access: most best bid/ask updates are never looked at.

        :raises ValueError: for JSON that is damaged inside; tell `Recording.skip` and go on.
        """
        data = orjson.loads(self.raw)
        if not isinstance(data, dict):
            raise ValueError("not an event")
        return data


class Recording:
    """
    Messages of recorder files in the order given: `for record in Recording(paths)`.

    A line is `<local time> <JSON>`: time in s (with a fraction), ms, us or ns, JSON a combined-stream
    message, a bare event or a REST depth snapshot; cryptofeed's `<time>: <JSON>` and its REST lines are
    understood. A file may also be one JSON value: a snapshot alone, or an array of events; neighbouring
    arrays (depth in one file, trades in another) are merged by exchange time `E`, and held in memory.

    :param paths: plain or gzip files.
    :raises RecordingError: while reading, for a file without one usable message.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self.paths = [Path(path) for path in paths]
        self.total_bytes = sum(path.stat().st_size for path in self.paths)
        """size on disk, compressed or not"""
        self.skipped = 0
        """lines that hold no usable message"""
        self._done_bytes = 0
        self._file: IO[bytes] | None = None
        self._symbol: str | None = None
        self._unnamed: list[Record] = []

    @property
    def bytes_read(self) -> int:
        """Bytes of `total_bytes` read so far, for a progress bar."""
        return self._done_bytes + (self._file.tell() if self._file else 0)

    def skip(self, record: Record, why: str) -> None:
        """Count a message whose inside turned out to be damaged."""
        self._count_bad(f"{record.kind} of {record.symbol} at {record.local_ms:.0f} ms", why)

    def _count_bad(self, where: str, why: str) -> None:
        self.skipped += 1
        if self.skipped == 1:
            logger.warning("%s: skipped, %s. Further ones are only counted.", where, why)

    def __iter__(self) -> Iterator[Record]:
        arrays: list[list[Record]] = []
        for path in self.paths:
            records = self._read_file(path)
            if isinstance(records, list):
                arrays.append(records)
                continue
            yield from self._merge(arrays)
            arrays.clear()
            yield from records
        yield from self._merge(arrays)
        yield from self._unnamed

    def _merge(self, arrays: Sequence[list[Record]]) -> Iterator[Record]:
        for record in heapq.merge(*arrays, key=lambda record: record.local_ms):
            yield from self._name(record)

    def _name(self, record: Record) -> Iterator[Record]:
        """Give a record without a symbol that of the record before it, or else of the one after it."""
        if record.symbol:
            yield from (early._replace(symbol=record.symbol) for early in self._unnamed)
            self._unnamed.clear()
            self._symbol = record.symbol
            yield record
        elif self._symbol:
            yield record._replace(symbol=self._symbol)
        else:
            self._unnamed.append(record)

    def _read_file(self, path: Path) -> Iterator[Record] | list[Record]:
        with _open(path) as (stream, _):
            try:
                start = stream.readline(1 << 24).strip()
            except _CUT_OFF as error:
                raise RecordingError(f"{path}: cannot be read: {error}") from error
        one_value = start[:1] == b"[" or (start[:1] == b"{" and start[-1:] != b"}")
        return self._read_value(path) if one_value else self._read_lines(path)

    def _read_value(self, path: Path) -> list[Record]:
        """Read a file that is one JSON value, which has to be held whole."""
        with _open(path) as (stream, _):
            try:
                value = orjson.loads(stream.read())
            except (ValueError, *_CUT_OFF) as error:
                raise RecordingError(f"{path}: damaged JSON: {error}") from error
        self._done_bytes += path.stat().st_size
        events = value if isinstance(value, list) else [value]
        records = [record for event in events if (record := _bare_record(orjson.dumps(event), None))]
        if not records:
            raise RecordingError(f"{path}: JSON without one market data event or snapshot")
        return records

    def _read_lines(self, path: Path) -> Iterator[Record]:
        usable = number = 0
        with _open(path) as (stream, file):
            self._file = file
            try:
                for number, line in enumerate(_lines(stream), 1):
                    try:
                        record = _parse_line(line)
                    except _DAMAGE as error:
                        self._count_bad(f"{path}, line {number}", str(error))
                        continue
                    if record is None:
                        continue
                    usable += 1
                    if record[2] == self._symbol:
                        yield record
                    else:
                        yield from self._name(record)
            except _CUT_OFF as error:
                self._count_bad(f"{path}, after line {number}", f"the file is damaged: {error}")
            finally:
                self._file = None
        self._done_bytes += path.stat().st_size
        if not usable:
            raise RecordingError(
                f"{path}: no usable line; a line is `<local time> <JSON>`, JSON a Binance stream message"
                " or a depth snapshot"
            )


@contextmanager
def _open(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield the plain content, and the file on disk, whose position tells the progress."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file, file


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Split into lines without their ends; by pieces, which costs half of what gzip's own lines do."""
    rest = b""
    while piece := cast(io.BufferedReader, stream).read1(_PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _parse_line(line: bytes) -> Record | None:
    """
    Turn a line into a record; None for a line that belongs to a recording but holds no market data.

    :raises ValueError: for a line that does not.
    """
    # nearly all lines take this way, so it touches their inside as little as it can
    head, is_combined, text = line.partition(_DATA)
    clock, _, stream = head.partition(b" ")
    if is_combined and text.endswith(_END):
        known = _kind_and_symbol(stream)
        per_ms = _PER_MS.get(len(clock))
        local_ms = int(clock) / per_ms if per_ms and clock.isdigit() else _to_ms(clock)
        return known and tuple.__new__(Record, (known[0], local_ms, known[1], text[:-1]))
    return _parse_rare_line(line.strip())


def _parse_rare_line(line: bytes) -> Record | None:
    if not line or line.startswith((b"http", b"ws:", b"wss:")):
        return _http_record(line)
    if line.startswith(b"{"):
        return _bare_record(line, None)
    clock, _, text = line.partition(b" ")
    return _bare_record(text, _to_ms(clock))


def _to_ms(clock: bytes) -> float:
    """Read seconds with a fraction, or whole ms, us or ns, told by their size."""
    value = float(clock.rstrip(b":"))
    if value >= 1e17:
        return value / 1e6
    if value >= 1e14:
        return value / 1e3
    if value >= 1e11:
        return value
    if value >= 1e8:
        return value * 1e3
    raise ValueError(f"{clock!r} is no time since 1970 in s, ms, us or ns")


@lru_cache(maxsize=4096)
def _kind_and_symbol(stream: bytes) -> tuple[Kind, str] | None:
    """Read `{"stream":"btcusdt@depth@100ms"`; partial books (`@depth20`) and other streams are not used."""
    symbol, _, rest = orjson.loads(stream + b"}")["stream"].partition("@")
    kind = _STREAM_KINDS.get(rest.partition("@")[0].partition("_")[0])
    return (kind, symbol.upper()) if kind else None


def _bare_record(text: bytes, local_ms: float | None) -> Record | None:
    """Parse a message that has no stream name in front; its exchange time serves where there is no other."""
    message = orjson.loads(text)
    data = message.get("data", message)
    kind = _EVENT_KINDS.get(data.get("e"))
    if kind is None and "stream" not in message:
        kind = "snapshot" if "lastUpdateId" in data and "bids" in data else None
    if kind is None and {"u", "b", "B", "a", "A"} <= data.keys():
        kind = "bookTicker"
    if kind is None:
        return None
    if local_ms is None:
        local_ms = float(data.get("E") or data.get("T") or 0)
    return Record(kind, local_ms, data.get("s", "").upper(), orjson.dumps(data))


def _http_record(line: bytes) -> Record | None:
    match = _HTTP_LINE.match(line.strip())
    if match is None:
        return None
    url, clock, text = match.groups()
    record = _bare_record(text, _to_ms(clock))
    symbol = _SYMBOL_IN_URL.search(url)
    return record._replace(symbol=symbol[1].decode().upper()) if record and symbol else record
