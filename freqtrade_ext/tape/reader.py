"""Read recordings, file by file."""

from __future__ import annotations

import gzip
import heapq
import io
import logging
import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import orjson

from freqtrade_ext.tape.lines import DAMAGE, Record, bare_record, parse_line
from freqtrade_ext.tape.venues import VENUES, VenueMessages

logger = logging.getLogger(__name__)

_CUT_OFF = (EOFError, OSError, zlib.error)
_PIECE_BYTES = 1 << 17
NEAR_IDS = 1_000_000
"""update ids of one symbol's snapshot and differences further apart than this cannot be joined"""
UNNAMED_KEPT = 16
PROGRESS_EVENTS = 4_096
READABLE = "a line is `<local time> <JSON>`, JSON a stream message, or a depth snapshot of Binance"
FOREIGN = {
    "a Parquet file": re.compile(rb"^PAR1"),
    "a CSV file": re.compile(rb"^\w+,\w+,\w+"),
    "a binary file": re.compile(rb"[\x00-\x08\x0e-\x1f]"),
}
"""what others record, by what their first line looks like; the first that fits is named"""
_LAST_ID = re.compile(rb'"u": ?(\d+)')


class RecordingError(ValueError):
    """A file that holds nothing this project can play."""


class Recording:
    """
    Messages of recorder files in the order given: `for record in Recording(paths)`.

    A line is `<local time> <JSON>`: time in s (with a fraction), ms, us or ns, JSON a combined-stream
    message, a bare event or a REST depth snapshot; cryptofeed's `<time>: <JSON>` and its REST lines are
    understood. A file may also be one JSON value: a snapshot alone, or an array of events; neighbouring
    arrays (depth in one file, trades in another) are merged by exchange time `E`, and held in memory. The
    stream messages of Bybit, OKX and Hyperliquid become Binance's events (`tape/venues.py`).

    :param paths: plain or gzip files. An empty one is passed over: a recorder killed as it began leaves one.
    :param is_binance: refuses recordings of other venues.
    :param progress: called every few thousand messages with bytes read and bytes in all.
    :raises RecordingError: while reading, for a file that holds something but not one usable message, and
        where all are empty.
    """

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        is_binance: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.paths = [Path(path) for path in paths]
        self._is_binance, self._progress = is_binance, progress
        self._messages = {venue: VenueMessages(venue) for venue in VENUES}
        self.total_bytes = sum(path.stat().st_size for path in self.paths)
        """size on disk, compressed or not"""
        self.skipped = 0
        """lines that hold no usable message"""
        self._done_bytes = 0
        self._file: IO[bytes] | None = None
        self._newest: dict[str, Record] = {}
        """newest difference of each symbol in the file being read"""
        self._unnamed: deque[tuple[int, Record]] = deque(maxlen=UNNAMED_KEPT)
        """snapshots without a symbol, with their update ids"""

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
            logger.warning("%s: skipped, %.200s. Further ones are only counted.", where, why)

    def __iter__(self) -> Iterator[Record]:
        for number, record in enumerate(self._records(), 1):
            if self._progress is not None and not number % PROGRESS_EVENTS:
                self._progress(self.bytes_read, self.total_bytes)
            if record[0] == "depth":
                self._newest[record[2]] = record
                if self._unnamed:
                    yield from self._named()
            elif record[0] == "snapshot" and not record[2]:
                self._unnamed.append((record.data["lastUpdateId"], record))
                yield from self._named()
                continue
            yield record
        only = next(iter(self._newest), "") if len(self._newest) == 1 else ""
        yield from (snapshot._replace(symbol=only) for _, snapshot in self._unnamed)

    def _named(self) -> Iterator[Record]:
        """Set the symbol of snapshots by the differences that they can be joined with, by the nearest ids."""
        ids = {
            symbol: int(last_id[1])
            for symbol, diff in self._newest.items()
            if (last_id := _LAST_ID.search(diff.raw))
        }
        for held in list(self._unnamed):
            symbol = min(ids, key=lambda symbol: abs(ids[symbol] - held[0]), default="")
            if symbol and abs(ids[symbol] - held[0]) < NEAR_IDS:
                self._unnamed.remove(held)
                yield held[1]._replace(symbol=symbol)

    def _records(self) -> Iterator[Record]:
        arrays: list[list[Record]] = []
        if not self.total_bytes:
            raise RecordingError(f"{', '.join(map(str, self.paths))}: empty")
        for path in self.paths:
            if not path.stat().st_size:
                self._count_bad(str(path), "the file is empty")
                continue
            records = self._read_file(path)
            if isinstance(records, list):
                arrays.append(records)
                continue
            yield from _merge(arrays)
            arrays.clear()
            yield from records
        yield from _merge(arrays)

    def _read_file(self, path: Path) -> Iterator[Record] | list[Record]:
        with _open(path) as (stream, _):
            try:
                start = stream.readline(1 << 24).strip()
            except _CUT_OFF as error:
                raise RecordingError(f"{path}: cannot be read: {error}") from error
        for what, mark in FOREIGN.items():
            if mark.search(start):
                raise RecordingError(f"{path}: {what}, which is not read; {READABLE}")
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
        records: list[Record] = []
        before_ms = 0.0
        for number, event in enumerate(events, 1):
            try:
                record = bare_record(orjson.dumps(event), None)
                if record is not None and not record[1]:
                    record = _timed(record, before_ms)
            except DAMAGE as error:
                self._count_bad(f"{path}, event {number}", str(error))
                continue
            if record is not None:
                before_ms = record.local_ms
                records.append(record)
        if not records:
            raise RecordingError(f"{path}: JSON without one market data event or snapshot")
        return records

    def _messages_of(self, line: bytes, path: Path) -> VenueMessages | None:
        """Return who reads a file of which this is the first line that somebody reads; None for Binance's."""
        venue = next((name for name, venue in VENUES.items() if venue.mark.search(line)), None)
        if venue and self._is_binance:
            raise RecordingError(f"{path}: a recording of {venue}; only Binance's can be played")
        return self._messages[venue] if venue else None

    def _read_lines(self, path: Path) -> Iterator[Record]:
        self._newest.clear()
        messages: VenueMessages | None = None
        usable = number = 0
        before_ms = 0.0
        with _open(path) as (stream, file):
            self._file = file
            try:
                for number, line in enumerate(_lines(stream), 1):
                    if not usable and messages is None:
                        messages = self._messages_of(line, path)
                    try:
                        for record in messages.records(line) if messages else (parse_line(line),):
                            if record is None:
                                continue
                            timed = record if record[1] else _timed(record, before_ms)
                            usable += 1
                            before_ms = timed[1]
                            yield timed
                    except DAMAGE as error:
                        self._count_bad(f"{path}, line {number}", str(error))
            except _CUT_OFF as error:
                self._count_bad(f"{path}, after line {number}", f"the file is damaged: {error}")
            finally:
                self._file = None
        self._done_bytes += path.stat().st_size
        if not usable:
            raise RecordingError(f"{path}: no usable line; {READABLE}")


def _timed(record: Record, before_ms: float) -> Record:
    """
    Set the time of a message without one to that of the message before: spot's best bid/ask has none.

    :raises ValueError: for one that nothing comes before; a snapshot is at the beginning then.
    """
    if not before_ms and record[0] != "snapshot":
        raise ValueError(f"{record[0]} without a time, and no message before it that has one")
    return record._replace(local_ms=before_ms)


def _merge(arrays: Sequence[list[Record]]) -> Iterator[Record]:
    return heapq.merge(*arrays, key=lambda record: record.local_ms)


@contextmanager
def _open(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield the plain content, and the file on disk, whose position tells the progress."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file, file


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Split into lines without their ends; by pieces, which costs half of what gzip's own lines do."""
    begun: list[bytes] = []
    while piece := cast(io.BufferedReader, stream).read1(_PIECE_BYTES):
        end, *lines = piece.split(b"\n")
        begun.append(end)
        if lines:
            yield b"".join(begun)
            begun = [lines.pop()]
            yield from lines
    if rest := b"".join(begun):
        yield rest
