"""Other venues: their documented messages, from a server on loopback, through ccxt.pro's own parsers."""

import asyncio
import json
from contextlib import asynccontextmanager

import ccxt.pro
import pytest
from aiohttp import web

from freqtrade_ext.feed.binance import BinanceStreams
from freqtrade_ext.feed.sockets import _url_key, raw_client
from freqtrade_ext.feed.streams import OutOfStep
from freqtrade_ext.feed.unified import UnifiedStreams
from freqtrade_ext.fills.queue import Print

DEPTH = 20
BIDS = [(100 - n, n + 1) for n in range(DEPTH)]
ASKS = [(101 + n, n + 1) for n in range(DEPTH)]
STAMP_MS = 1_700_000_000_000


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The server here does not answer to what it does not know, such as an end of a subscription."""
    monkeypatch.setattr("freqtrade_ext.feed.sockets.HANG_UP_SECONDS", 0.2)


def texts(levels, *more):
    return [[str(rate), str(amount), *more] for rate, amount in levels]


def bybit_book(bids, asks):
    data = {"s": "BTCUSDT", "b": texts(bids), "a": texts(asks), "u": 1, "seq": 2}
    return {
        "topic": "orderbook.50.BTCUSDT",
        "type": "snapshot",
        "ts": STAMP_MS,
        "data": data,
        "cts": STAMP_MS - 3,
    }


def okx_book(bids, asks):
    data = {"asks": texts(asks, "0", "1"), "bids": texts(bids, "0", "1"), "ts": str(STAMP_MS)}
    data |= {"checksum": 0, "prevSeqId": -1, "seqId": 123456}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": "snapshot", "data": [data]}


def hyperliquid_book(bids, asks):
    sides = [[{"px": str(r), "sz": str(a), "n": 1} for r, a in side] for side in (bids, asks)]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": STAMP_MS, "levels": sides}}


VENUES = {
    "bybit": (
        {"id": "BTCUSDT", "symbol": "BTC/USDT", "type": "spot", "spot": True},
        bybit_book,
        {
            "topic": "publicTrade.BTCUSDT",
            "type": "snapshot",
            "ts": STAMP_MS,
            "data": [
                {
                    "T": STAMP_MS,
                    "s": "BTCUSDT",
                    "S": "Sell",
                    "v": "2",
                    "p": "100",
                    "i": "20f43950",
                    "BT": False,
                }
            ],
        },
        Print("20f43950", STAMP_MS, 100.0, 2.0, "sell"),
    ),
    "okx": (
        {"id": "BTC-USDT", "symbol": "BTC/USDT", "type": "spot", "spot": True},
        okx_book,
        {
            "arg": {"channel": "trades", "instId": "BTC-USDT"},
            "data": [
                {
                    "instId": "BTC-USDT",
                    "tradeId": "130639474",
                    "px": "101",
                    "sz": "0.5",
                    "side": "buy",
                    "ts": str(STAMP_MS),
                }
            ],
        },
        Print("130639474", STAMP_MS, 101.0, 0.5, "buy"),
    ),
    "hyperliquid": (
        {
            "id": "0",
            "symbol": "BTC/USDC:USDC",
            "baseName": "BTC",
            "settle": "USDC",
            "type": "swap",
            "swap": True,
            "contract": True,
            "linear": True,
            "contractSize": 1,
        },
        hyperliquid_book,
        {
            "channel": "trades",
            "data": [
                {
                    "coin": "BTC",
                    "side": "A",
                    "px": "100",
                    "sz": "3",
                    "time": STAMP_MS,
                    "hash": "0x1",
                    "tid": 77,
                }
            ],
        },
        Print("77", STAMP_MS, 100.0, 3.0, "sell"),
    ),
}


@asynccontextmanager
async def venue(name):
    """The venue's ccxt.pro client, and what its server will send to each subscription."""
    market, book, trades, _ = VENUES[name]
    messages = {"book": book(BIDS, ASKS), "trades": trades}

    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if "subscribe" in message.data and "unsubscribe" not in message.data:
                kind = "trades" if "trade" in message.data.lower() else "book"
                await socket.send_str(json.dumps(messages[kind]))
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client = getattr(ccxt.pro, name)({"newUpdates": True})
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    client.urls["api"]["ws"] = redirected(client.urls["api"]["ws"], url)
    base, quote = market["symbol"].split(":")[0].split("/")
    ids = {"base": base, "quote": quote, "baseId": base, "quoteId": quote, "active": True, "info": {}}
    ids |= {"precision": {"price": 0.01, "amount": 0.001}, "limits": {}}
    client.set_markets([client.safe_market_structure(ids | market)])
    try:
        yield client, market["symbol"], messages
    finally:
        await client.close()
        await runner.cleanup()


def redirected(urls, url):
    return {key: redirected(inner, url) for key, inner in urls.items()} if isinstance(urls, dict) else url


async def until(condition, seconds=5):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", VENUES)
def test_documented_messages_become_book_and_prints(name):
    async def run():
        async with venue(name) as (client, pair, _):
            changes = []
            streams = UnifiedStreams(client, pair, lambda: changes.append(streams.levels(1)))
            following = asyncio.create_task(streams.follow())
            await until(lambda: streams.levels(DEPTH) and streams.prints)
            assert streams.levels(DEPTH) == (BIDS, ASKS)
            assert streams.levels(3) == (BIDS[:3], ASKS[:3])
            # Hyperliquid sends 20 levels, so more may lie beyond; the others' sides end here
            beyond = None if name == "hyperliquid" else (BIDS, ASKS)
            assert streams.levels(DEPTH + 1) == beyond
            assert streams.stamp_ms == STAMP_MS
            assert list(streams.prints) == [VENUES[name][3]]
            assert streams.seconds_silent() < 1
            assert changes[0] == (BIDS[:1], ASKS[:1])
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            assert streams.levels(1) is None

    asyncio.run(run())


@pytest.mark.parametrize("name", VENUES)
def test_a_crossed_book_ends_the_streams(name):
    async def run():
        async with venue(name) as (client, pair, messages):
            messages["book"] = VENUES[name][1]([(102, 1), *BIDS[1:]], ASKS)
            streams = UnifiedStreams(client, pair, lambda: None)
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.timeout(8):
                    await streams.follow()
            assert isinstance(caught.value.exceptions[0], OutOfStep)
            assert streams.levels(1) is None

    asyncio.run(run())


def test_ccxt_has_the_streams_that_are_followed():
    for name in ("binance", *VENUES):
        has = getattr(ccxt.pro, name)().has
        assert has["watchOrderBook"], name
        assert has["watchTrades"], name
    assert not ccxt.pro.hyperliquid().has["watchBidsAsks"]


FUTURES = {
    "id": "BTCUSDT",
    "lowercaseId": "btcusdt",
    "symbol": "BTC/USDT:USDT",
    "type": "swap",
    "swap": True,
    "contract": True,
    "linear": True,
    "inverse": False,
}


class Futures:
    """A follower of Binance futures that is told messages by hand."""

    def __init__(self):
        client = raw_client(ccxt.pro.binance())
        client.set_markets([client.safe_market_structure(FUTURES)])
        self.streams = BinanceStreams(client, FUTURES["symbol"], lambda: None)
        self.snapshot = {"nonce": 100, "bids": [[100.0, 1.0]], "asks": [[101.0, 1.0]]}
        client.fetch_order_book = self.fetch

    async def fetch(self, pair, limit):
        return self.snapshot

    def diff(self, first_id, last_id, before_id, bids):
        data = {
            "e": "depthUpdate",
            "E": STAMP_MS,
            "U": first_id,
            "u": last_id,
            "pu": before_id,
            "b": bids,
            "a": [],
        }
        self.streams._hear({"stream": "btcusdt@depth@100ms", "data": data})


def test_futures_differences_follow_by_the_last_id_of_the_one_before():
    futures = Futures()

    async def run():
        await futures.streams._join()
        futures.diff(98, 105, 90, [["99.5", "2"]])
        assert futures.streams.levels(1)[0] == [(100.0, 1.0)]
        futures.diff(110, 115, 105, [["100.5", "3"]])
        assert futures.streams.levels(1)[0] == [(100.5, 3.0)]
        with pytest.raises(OutOfStep, match="gap"):
            futures.diff(130, 140, 120, [])

    asyncio.run(run())


def test_futures_trades_come_over_another_connection():
    urls = Futures().streams._urls
    assert urls == [
        "wss://fstream.binance.com/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker",
        "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade",
    ]


def test_futures_streams_are_found_under_the_names_that_ccxt_had_before():
    ws = {"spot": "", "future": "", "delivery": ""}
    assert _url_key(ws, FUTURES) == "future"
    assert _url_key(ws, FUTURES | {"linear": False, "inverse": True}) == "delivery"
    with pytest.raises(ccxt.NotSupported, match=r"ccxt [\d.]+ has no stream of BTC/USDT:USDT"):
        _url_key({"spot": ""}, FUTURES)
