"""
Read the messages of Bybit, OKX and Hyperliquid as the events that Binance's would be.

| | whole book | gap | book's clock | trades of one taker order |
|---|---|---|---|---|
| Bybit | `type` snapshot | `u` is not one more | `cts`, the matching engine's | same `T`, side and `seq` |
| OKX | `action` snapshot | `prevSeqId` is not the last `seqId` | `ts` | same `ts` and side |
| Hyperliquid | each message | none | `time` of the block | same `time`, side, `hash` and taker of `users` |

Trades that nobody could have had from the told book are left out: Bybit's block trades (`BT`), and those with
retail price improvement orders (Bybit's `RPI`, OKX's `source` 1). OKX's `checksum` is 0 nowadays, and ccxt
(4.5.90) does not look at it either. Sources: https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
and .../trade, https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel,
https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from freqtrade_ext.tape.lines import Record, split_line

Levels = Sequence[Sequence[Any]]
OKX_BOOKS = ("books50-l2-tbt", "books", "books-l2-tbt")
TRADES_KEPT = 10_000
"""ids by which a trade that is told again is known; Hyperliquid tells the latest at each subscription"""


class Update(NamedTuple):
    """A message of a book."""

    symbol: str
    rank: int
    """of several streams of one book the one of the highest rank is followed"""
    time_ms: int
    before: int | None
    """number of the message that it goes on from; None for a whole book"""
    number: int | None
    bids: Levels
    asks: Levels


class Trade(NamedTuple):
    symbol: str
    time_ms: int
    id: str
    rate: str
    amount: str
    is_sell: bool
    """whether the taker sold"""
    order: str
    """what tells the taker's order from others of its time and side, if anything does"""


def _bybit(message: dict[str, Any]) -> Iterator[Update | Trade]:
    topic, data = message.get("topic", ""), message.get("data")
    if topic.startswith("orderbook.") and data:
        before = None if message["type"] == "snapshot" else data["u"] - 1
        time_ms, depth = message.get("cts") or message["ts"], int(topic.split(".")[1])
        yield Update(data["s"], depth, time_ms, before, data["u"], data["b"], data["a"])
    elif topic.startswith("publicTrade."):
        for row in data or ():
            if not row.get("BT") and not row.get("RPI"):
                is_sell, order = row["S"] == "Sell", str(row.get("seq", ""))
                yield Trade(row["s"], row["T"], row["i"], row["p"], row["v"], is_sell, order)


def _okx(message: dict[str, Any]) -> Iterator[Update | Trade]:
    channel, symbol = (message.get("arg", {}).get(name, "") for name in ("channel", "instId"))
    for row in message.get("data", ()):
        if channel in OKX_BOOKS:
            before = None if message["action"] == "snapshot" else row["prevSeqId"]
            bids, asks = ([level[:2] for level in row[side]] for side in ("bids", "asks"))
            rank = OKX_BOOKS.index(channel)
            yield Update(symbol, rank, int(row["ts"]), before, row["seqId"], bids, asks)
        elif channel == "trades" and row.get("source", "0") == "0":
            is_sell = row["side"] == "sell"
            yield Trade(symbol, int(row["ts"]), row["tradeId"], row["px"], row["sz"], is_sell, "")


def _hyperliquid(message: dict[str, Any]) -> Iterator[Update | Trade]:
    channel, data = message.get("channel"), message.get("data")
    if channel == "l2Book" and data:
        bids, asks = ([(level["px"], level["sz"]) for level in side] for side in data["levels"])
        yield Update(data["coin"], 0, data["time"], None, None, bids, asks)
    elif channel == "trades":
        for row in data or ():
            is_sell = row["side"] == "A"
            order = f"{row['hash']} {row['users'][is_sell]}"
            yield Trade(row["coin"], row["time"], str(row["tid"]), row["px"], row["sz"], is_sell, order)


class Venue(NamedTuple):
    mark: re.Pattern[bytes]
    """of its messages, and of the recorder's first line"""
    read: Callable[[dict[str, Any]], Iterator[Update | Trade]]


VENUES = {
    "Bybit": Venue(re.compile(rb'"topic": ?"(?:orderbook|publicTrade)\.|"exchange": ?"bybit"'), _bybit),
    "OKX": Venue(re.compile(rb'"instId"|"exchange": ?"okx"'), _okx),
    "Hyperliquid": Venue(
        re.compile(rb'"channel": ?"(?:l2Book|trades|subscriptionResponse)"|"exchange": ?"hyperliquid"'),
        _hyperliquid,
    ),
}


@dataclass(slots=True)
class _Book:
    rank: int = -1
    newest: tuple[int, int | None] = (0, None)
    """time and number of the last message"""
    update_id: int = 0
    """given to it"""
    trades: dict[tuple[int, str], None] = field(default_factory=dict)
    """seen last"""


class VenueMessages:
    """One venue's messages in, Binance's events out; a gap in the venue's numbers is one of update ids."""

    def __init__(self, venue: str) -> None:
        self._read = VENUES[venue].read
        self._books: dict[str, _Book] = {}
        self._trades = 0
        self._contract_size = 1.0

    def records(self, line: bytes) -> Iterator[Record]:
        """
        Read a line.

        :raises ValueError, LookupError, TypeError: for one that is damaged.
        """
        local_ms, text = split_line(line)
        message = orjson.loads(text)
        if "contractSize" in message:
            self._contract_size = float(message["contractSize"])
        for told in self._read(message):
            book = self._books.setdefault(told.symbol, _Book())
            told_ms = told.time_ms if local_ms is None else local_ms
            if isinstance(told, Update):
                yield from self._update(told, book, told_ms)
            elif (told.time_ms, told.id) not in book.trades:
                yield self._trade(told, book, told_ms, message.get("ts", told.time_ms))

    def _update(self, told: Update, book: _Book, local_ms: float) -> Iterator[Record]:
        if told.rank < book.rank or (told.time_ms, told.number) == book.newest:
            return
        follows = told.rank == book.rank and told.before is not None and told.before == book.newest[1]
        book.update_id += 1 if follows else 2
        book.rank, book.newest = told.rank, (told.time_ms, told.number)
        bids, asks = self._sized(told.bids), self._sized(told.asks)
        if told.before is None:
            whole = {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}
            yield Record("snapshot", local_ms, told.symbol, orjson.dumps(whole))
            # a snapshot has no time: a difference that changes nothing gives it one
            book.update_id, bids, asks = book.update_id + 1, [], []
        event = {"e": "depthUpdate", "E": told.time_ms, "s": told.symbol, "b": bids, "a": asks}
        event |= {"U": book.update_id, "u": book.update_id}
        yield Record("depth", local_ms, told.symbol, orjson.dumps(event))

    def _trade(self, told: Trade, book: _Book, local_ms: float, sent_ms: int) -> Record:
        book.trades[told.time_ms, told.id] = None
        if len(book.trades) > TRADES_KEPT:
            del book.trades[next(iter(book.trades))]
        self._trades += 1
        event = {"e": "trade", "E": sent_ms, "T": told.time_ms, "s": told.symbol, "t": self._trades}
        event |= {"p": told.rate, "q": float(told.amount) * self._contract_size, "m": told.is_sell}
        return Record("trade", local_ms, told.symbol, orjson.dumps(event | {"order": told.order}))

    def _sized(self, levels: Levels) -> Levels:
        """Return the levels in base units."""
        if self._contract_size == 1:
            return levels
        return [(rate, float(amount) * self._contract_size) for rate, amount in levels]
