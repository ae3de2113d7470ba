"""Sockets, driven raw and with the real ccxt.pro client."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import Time, client, control

START_MS = 1_795_376_100_000 + 50_000
Socket = aiohttp.ClientWebSocketResponse


def talk(replica: Replica, path: str, conversation: Callable[[Socket], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(replica.url + path) as socket:
            await conversation(socket)

    asyncio.run(asyncio.wait_for(run(), 20))


async def events(socket: Socket, count: int) -> list[dict[str, Any]]:
    return [(await socket.receive_json(timeout=5)) for _ in range(count)]


def test_a_local_book_of_ccxt_pro_equals_rest_at_equal_ids() -> None:
    compared = 0

    async def follow(replica: Replica) -> None:
        nonlocal compared
        feed = ccxt.pro.binance(replica.overlay()["exchange"]["ccxt_config"])
        try:
            await feed.watch_order_book("BTC/USDT", 1000)
            until = time.monotonic() + 12
            while compared < 6 and time.monotonic() < until:
                rest = await feed.fetch_order_book("BTC/USDT", 1000)
                book = feed.orderbooks["BTC/USDT"]
                while book["nonce"] < rest["nonce"]:
                    book = await feed.watch_order_book("BTC/USDT", 1000)
                if book["nonce"] == rest["nonce"]:
                    compared += 1
                    assert [level[:2] for level in book["bids"][:300]] == rest["bids"][:300]
                    assert [level[:2] for level in book["asks"][:300]] == rest["asks"][:300]
        finally:
            await feed.close()

    with Replica(seed=1, pairs=["BTC/USDT"], scenario="live", activity=0.4) as replica:
        asyncio.run(asyncio.wait_for(follow(replica), 30))
    assert compared >= 3


def test_depth_ids_have_no_gap_and_the_book_ticker_shares_them(replica: Replica) -> None:
    async def conversation(socket: Socket) -> None:
        heard = await events(socket, 150)
        diffs = [event["data"] for event in heard if event["stream"] == "btcusdt@depth@100ms"]
        tops = [event["data"] for event in heard if event["stream"] == "btcusdt@bookTicker"]
        assert len(diffs) > 10
        assert len(tops) > 10
        assert all(later["U"] == earlier["u"] + 1 for earlier, later in pairwise(diffs))
        ids = range(diffs[0]["U"], diffs[-1]["u"] + 1)
        known = [top for top in tops if top["u"] in ids]
        # what the ticker says at an id is what the diff that ends there says
        ends = {diff["u"]: dict(diff["b"]) | dict(diff["a"]) for diff in diffs}
        shared = [top for top in known if top["u"] in ends]
        assert shared
        for top in shared:
            changed = ends[top["u"]]
            assert changed.get(top["b"], top["B"]) == top["B"]
            assert changed.get(top["a"], top["A"]) == top["A"]

    talk(replica, "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker", conversation)


def test_payloads_have_the_fields_of_the_recordings(replica: Replica) -> None:
    fields = {
        "depthUpdate": {"e", "E", "s", "U", "u", "b", "a"},
        "trade": {"e", "E", "s", "t", "p", "q", "T", "m", "M"},
        "aggTrade": {"e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"},
        "kline": {"e", "E", "s", "k"},
        None: {"u", "s", "b", "B", "a", "A"},
    }
    kinds = ["depth", "trade", "aggTrade", "kline_5m", "bookTicker"]

    async def conversation(socket: Socket) -> None:
        missing = set(fields)
        while missing:
            event = await socket.receive_json(timeout=5)
            kind = event.get("e")
            assert event.keys() == fields[kind]
            missing.discard(kind)
            if kind == "kline":
                assert event["k"].keys() == set("tTsifLochlvnxqVQB")

    talk(replica, "/ws/" + "/".join(f"btcusdt@{kind}" for kind in kinds), conversation)


def test_prints_of_one_sweep_arrive_with_one_time_and_one_aggressor(replica: Replica) -> None:
    async def conversation(socket: Socket) -> None:
        control(replica, "book", symbol="BTCUSDT", bids=[[99, 1], [98, 2]], asks=[[100, 1]])
        control(replica, "trade", symbol="BTCUSDT", side="sell", amount=2.5)
        heard: list[dict[str, Any]] = []
        while len(heard) < 2:
            event = await socket.receive_json(timeout=5)
            if float(event["p"]) < 100:
                heard.append(event)
        assert [(t["p"], t["q"], t["m"]) for t in heard] == [
            ("99.00000000", "1.00000000", True),
            ("98.00000000", "1.50000000", True),
        ]
        assert heard[0]["T"] == heard[1]["T"]

    talk(replica, "/ws/btcusdt@trade", conversation)


def test_a_candle_closes_once_and_the_next_one_opens() -> None:
    clock = Time(START_MS)

    async def conversation(socket: Socket, replica: Replica) -> None:
        opened = await socket.receive_json(timeout=5)
        for _ in range(30):
            clock.ms += 1000
            await asyncio.sleep(0.06)
        heard = [opened]
        while not heard[-1]["k"]["t"] > opened["k"]["t"]:
            heard.append(await socket.receive_json(timeout=5))
        closed = [event["k"] for event in heard if event["k"]["x"]]
        assert [k["t"] for k in closed] == [opened["k"]["t"]]
        row = client(replica).fetch_ohlcv("BTC/USDT", "1m", since=closed[0]["t"], limit=1)[0]
        assert [float(closed[0][name]) for name in "ohlcv"] == row[1:]

    with Replica(seed=1, pairs=["BTC/USDT"], clock=clock) as replica:
        talk(replica, "/ws/btcusdt@kline_1m", lambda socket: conversation(socket, replica))


def test_streams_are_subscribed_and_left_live(replica: Replica) -> None:
    async def conversation(socket: Socket) -> None:
        async def ask(**request: Any) -> dict[str, Any]:
            await socket.send_str(json.dumps(request))
            while "id" not in (answer := await socket.receive_json(timeout=5)):
                pass
            return dict(answer)

        names = ["btcusdt@trade", "ethusdt@depth"]
        assert await ask(method="SUBSCRIBE", params=names, id=1) == {"result": None, "id": 1}
        assert (await socket.receive_json(timeout=5))["s"] in ("BTCUSDT", "ETHUSDT")
        assert await ask(method="UNSUBSCRIBE", params=names, id=2) == {"result": None, "id": 2}
        await socket.send_str("{bad")
        assert (await socket.receive_json(timeout=5))["code"] == 3
        await socket.send_str('{"method": "SHOUT", "id": 7}')
        assert (await socket.receive_json(timeout=5))["code"] == 2
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive_json(timeout=1.5)

    talk(replica, "/stream/ws/0", conversation)
