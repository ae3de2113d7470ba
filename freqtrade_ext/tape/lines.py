"""Read the lines of recordings: what kinds of message and of local time there are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import orjson

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
DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""what looking into a damaged message may raise"""
_PER_MS = {19: 1e6, 16: 1e3, 13: 1.0}
"""local time's units per ms, by its number of digits"""
# cryptofeed writes `<url> -> <time>: <json>` for REST and `<url> <-> <time>` for an opened socket
_HTTP_LINE = re.compile(rb"^(https?://\S+) -> ([\d.]+): (.*)$", re.DOTALL)
_SYMBOL_IN_URL = re.compile(rb"[?&]symbol=(\w+)")


class Record(NamedTuple):
    """One message of a recording."""

    kind: Kind
    local_ms: float
    """Recorder's clock, ms since 1970. It may be off by seconds. The exchange's own time where a file has no
    local times, that of the message before where it has neither, 0.0 for a snapshot at the beginning."""
    symbol: str
    """Exchange's name, e.g. BTCUSDT. A snapshot that names none gets that of the differences it can be joined
    with, told by their update ids; where there are none it keeps an empty one."""
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


def parse_line(line: bytes) -> Record | None:
    """
    Turn a line into a record; None for a line that belongs to a recording but holds no market data.

    :raises ValueError: for a line that does not.
    """
    # nearly all lines take this way, so it touches their inside as little as it can
    head, is_combined, text = line.partition(_DATA)
    clock, _, stream = head.partition(b" ")
    if is_combined and stream and text.endswith(_END):
        known = _kind_and_symbol(stream)
        per_ms = _PER_MS.get(len(clock))
        local_ms = int(clock) / per_ms if per_ms and clock.isdigit() else _to_ms(clock)
        return known and tuple.__new__(Record, (known[0], local_ms, known[1], text[:-1]))
    return _parse_rare_line(line.strip())


def _parse_rare_line(line: bytes) -> Record | None:
    if not line or line.startswith((b"http", b"ws:", b"wss:")):
        return _http_record(line)
    local_ms, text = split_line(line)
    return bare_record(text, local_ms)


def split_line(line: bytes) -> tuple[float | None, bytes]:
    """Return the local time in ms, None where there is none, and the JSON text."""
    if line.startswith(b"{"):
        return None, line
    clock, _, text = line.partition(b" ")
    return _to_ms(clock), text


def _to_ms(clock: bytes) -> float:
    """Read seconds with a fraction, or whole ms, us or ns, told by their size."""
    value = float(clock.rstrip(b":"))
    if 1e17 <= value < 1e20:
        return value / 1e6
    if 1e14 <= value < 1e17:
        return value / 1e3
    if 1e11 <= value < 1e14:
        return value
    if 1e8 <= value < 1e11:
        return value * 1e3
    raise ValueError(f"{clock!r} is no time since 1970 in s, ms, us or ns")


@lru_cache(maxsize=4096)
def _kind_and_symbol(stream: bytes) -> tuple[Kind, str] | None:
    """Read `{"stream":"btcusdt@depth@100ms"`; partial books (`@depth20`) and other streams are not used."""
    symbol, _, rest = orjson.loads(stream + b"}")["stream"].partition("@")
    kind = _STREAM_KINDS.get(rest.partition("@")[0].partition("_")[0])
    return (kind, symbol.upper()) if kind else None


def bare_record(text: bytes, local_ms: float | None) -> Record | None:
    """Parse a message that has no stream name in front; its exchange time serves where there is no other."""
    message = orjson.loads(text)
    data = message.get("data", message)
    kind = _EVENT_KINDS.get(data.get("e"))
    if kind is None and "stream" not in message:
        kind = "snapshot" if isinstance(data.get("lastUpdateId"), int) and "bids" in data else None
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
    record = bare_record(text, _to_ms(clock))
    symbol = _SYMBOL_IN_URL.search(url)
    return record._replace(symbol=symbol[1].decode().upper()) if record and symbol else record


def first_update_id(diff: dict[str, Any]) -> Any:
    """
    Return the first update id that a difference covers.

    In the futures' stream ids of other pairs lie between: there `pu` is the last id of the difference before.
    """
    return diff["pu"] + 1 if "pu" in diff else diff["U"]
