"""
Read order-by-order tapes: each order's placement, changes, executions and end, in constant memory.

Understood are Bitstamp's live orders as `<local ms> <kind> <JSON>` lines, as a pair of CSV files (orders and
trades), and as `freqtrade-ext record --orders` writes them; and LOBSTER's message files. Plain, gzip or xz.
"""

from __future__ import annotations

import gzip
import lzma
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import orjson
import pandas as pd

from freqtrade_ext.tape.order_events import CUT, DELETE, EXECUTION, NEW, PRINT, SET, UNITS, Events
from freqtrade_ext.tape.reader import RecordingError
from freqtrade_ext.tape.untold import Matcher, with_earlier

CHUNK = 200_000
LATE_MS = 2_000
"""messages of two channels come out of order by less than this"""
_LOG_KINDS = {b"order_created": NEW, b"order_changed": SET, b"order_deleted": DELETE}
_LOBSTER_KINDS = np.array([-1, NEW, CUT, DELETE, EXECUTION, PRINT, -1, -1])


class OrderTape:
    """One tape: `for events in OrderTape(path)`; `lines` counts what was read."""

    def __init__(self, path: Path, trades: Path | None = None) -> None:
        self.path, self.trades, self.lines = path, trades, 0

    def __iter__(self) -> Iterator[Events]:
        start = _start(self.path)
        if start.startswith(b"id,"):
            return self._csv()
        if start.split(b" ", 2)[1:2] and start.split(b" ", 2)[1] in (*_LOG_KINDS, b"trade", b"order_book"):
            return with_earlier(self._log, lambda: self._log(counts=True))
        if b" {" in start[:32]:
            return self._recording()
        return with_earlier(self._lobster, lambda: self._lobster(counts=True))

    def _csv(self) -> Iterator[Events]:
        if self.trades is None:
            raise RecordingError(f"{self.path}: the CSV file of its trades is missing among the files")
        trades = _csv_trades(self.trades)
        self.lines += len(trades)
        with _open(self.path) as file:
            for frame in pd.read_csv(file, chunksize=CHUNK):
                self.lines += len(frame)
                orders = pd.DataFrame(
                    {
                        "time_ms": frame["exchange_timestamp"].astype(float),
                        "kind": frame["action"].map({"created": NEW, "changed": SET, "deleted": DELETE}),
                        "id": frame["id"],
                        "side": np.where(frame["direction"] == "bid", 1, -1),
                        "rate": frame["price"],
                        "amount": (frame["volume"] * UNITS).round(),
                    }
                )
                is_due = trades["time_ms"] <= orders["time_ms"].iloc[-1]
                # an execution is printed before the orders' own messages of the same millisecond
                yield Events.of(pd.concat([trades[is_due], orders]).sort_values("time_ms", kind="stable"))
                trades = trades[~is_due]

    def _lobster(self, *, counts: bool = False) -> Iterator[Events]:
        names = ["time_ms", "kind", "id", "amount", "rate", "side"]
        with _open(self.path) as file:
            for frame in pd.read_csv(file, header=None, names=names, usecols=range(6), chunksize=CHUNK):
                self.lines += len(frame) if counts else 0
                frame["kind"] = _LOBSTER_KINDS[frame["kind"].clip(0, 7)]
                frame["time_ms"] *= 1e3
                frame["rate"] /= 1e4
                frame["amount"] = frame["amount"] * UNITS
                yield Events.of(frame[frame["kind"] >= 0])

    def _log(self, *, counts: bool = False) -> Iterator[Events]:
        matcher = Matcher()
        with _open(self.path) as file:
            for line in file:
                self.lines += counts
                clock, kind, text = line.split(b" ", 2)
                if kind in _LOG_KINDS or kind == b"trade":
                    matcher.add(float(clock), _LOG_KINDS.get(kind), orjson.loads(text))
                if len(matcher.rows) >= CHUNK:
                    yield Events.of(matcher.settled())
        if matcher.rows:
            yield Events.of(matcher.rows)

    def _recording(self) -> Iterator[Events]:
        rows: list[list[Any]] = []
        with _open(self.path) as file:
            for line in file:
                self.lines += 1
                message = orjson.loads(line.partition(b" ")[2])
                rows += _recorded(message)
                if len(rows) >= CHUNK:
                    rows.sort(key=_order)
                    due = rows[-1][0] - LATE_MS
                    yield Events.of([row for row in rows if row[0] <= due])
                    rows = [row for row in rows if row[0] > due]
        if rows:
            yield Events.of(sorted(rows, key=_order))


def tapes(paths: Sequence[Path]) -> list[OrderTape]:
    """
    Pair CSV files of orders with those of their trades, in the order given; each other file is a tape.

    :raises RecordingError: naming the file, where there is none, or it is no order-by-order tape.
    """
    starts = {path: _start(path) for path in paths}
    trades = deque(path for path in paths if starts[path].startswith(b"trade_id,"))
    found = []
    for path in paths:
        start = starts[path]
        if path in trades or start.startswith(b"trade_id,"):
            continue
        if start.startswith(b"id,") and b"exchange_timestamp" in start:
            found.append(OrderTape(path, trades.popleft() if trades else None))
        elif _is_log(start) or _is_lobster(start):
            found.append(OrderTape(path))
        else:
            raise RecordingError(
                f"{path}: no order-by-order tape; known are Bitstamp's live orders (log, CSV, recorded with "
                "--orders) and LOBSTER's message files"
            )
    if not found:
        raise RecordingError(f"{', '.join(map(str, paths))}: trades without the file of their orders")
    return found


def _is_log(start: bytes) -> bool:
    clock, _, rest = start.partition(b" ")
    return clock.isdigit() and (rest[:1] == b"{" or rest.partition(b" ")[2][:1] == b"{")


def _is_lobster(start: bytes) -> bool:
    cells = start.split(b",")
    try:
        return len(cells) >= 6 and [*map(float, cells[:6])][1] in range(1, 8)
    except ValueError:
        return False


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    return lzma.open(path) if magic == b"\xfd7zXZ\x00" else path.open("rb")


def _start(path: Path) -> bytes:
    """:raises RecordingError: the file cannot be read, or is empty."""
    try:
        with _open(path) as file:
            start = file.readline(1 << 24).strip()
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise RecordingError(f"{path}: cannot be read: {error}") from error
    if not start:
        raise RecordingError(f"{path}: empty")
    return start


def _csv_trades(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path)
    is_buy = frame["side"] == "buy"
    return pd.DataFrame(
        {
            "time_ms": frame["exchange_timestamp"].astype(float),
            "kind": EXECUTION,
            # the one that rested
            "id": frame["sell_order_id"].where(is_buy, frame["buy_order_id"]),
            "side": np.where(is_buy, -1, 1),
            "rate": frame["price"],
            "amount": (frame["amount"] * UNITS).round(),
        }
    )


def _recorded(message: dict[str, Any]) -> list[list[Any]]:
    """Turn a message of Bitstamp's WebSocket API v2, or a snapshot by orders, into rows."""
    data = message.get("data", message)
    if not isinstance(data, dict) or "microtimestamp" not in data:
        return []
    time_ms = int(data["microtimestamp"]) / 1e3
    if "bids" in data:
        return [
            [time_ms, NEW, int(order_id), side, float(rate), round(float(amount) * UNITS)]
            for side, name in ((1, "bids"), (-1, "asks"))
            for rate, amount, order_id in data[name]
        ]
    kind = _LOG_KINDS.get(message["event"].encode())
    amount = round(float(data["amount_str"]) * UNITS)
    if kind is not None:
        side = 1 if data["order_type"] == 0 else -1
        return [[time_ms, kind, int(data["id"]), side, float(data["price_str"]), amount]]
    if message["event"] != "trade":
        return []
    resting, side = ("sell", -1) if data["type"] == 0 else ("buy", 1)
    order_id = int(data[f"{resting}_order_id"])
    return [[time_ms, EXECUTION, order_id, side, float(data["price_str"]), amount]]


def _order(row: list[Any]) -> tuple[float, bool]:
    """Sort an execution before the orders' own messages of the same moment."""
    return row[0], row[1] != EXECUTION
