import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import ccxt
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import client, control


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 429, "retry_after": 3}, ccxt.DDoSProtection),
        ({"status": 418, "retry_after": 120}, ccxt.DDoSProtection),
        ({"status": 503}, ccxt.OperationFailed),
        ({"delay": 2.0}, ccxt.RequestTimeout),
        ({"cut": True}, ccxt.NetworkError),
    ],
)
def test_requests_fail_as_told_and_then_work_again(
    replica: Replica, fault: dict[str, Any], error: type[Exception]
) -> None:
    exchange = client(replica, timeout=1000)
    exchange.load_markets()
    control(replica, "fault", path="depth", count=2, **fault)
    for _ in range(2):
        with pytest.raises(error):
            exchange.fetch_order_book("BTC/USDT")
    if "retry_after" in fault:
        assert exchange.last_response_headers["Retry-After"] == str(fault["retry_after"])
    exchange.fetch_ticker("BTC/USDT")
    assert exchange.fetch_order_book("BTC/USDT")["bids"]


@pytest.mark.parametrize("fault", [{"body": "garbage"}, {"body": ""}, {"body": "[]"}, {"truncated": True}])
def test_answers_are_garbled_as_told(replica: Replica, fault: dict[str, Any]) -> None:
    exchange = client(replica)
    exchange.load_markets()
    control(replica, "fault", path="^/api/v3/depth$", **fault)
    assert exchange.fetch_order_book("BTC/USDT")["bids"] == []
    if "body" in fault:
        assert exchange.last_http_response == fault["body"]
    assert exchange.fetch_order_book("BTC/USDT")["bids"]


def test_faults_can_be_cleared(replica: Replica) -> None:
    control(replica, "fault", path="", status=500, count=1000)
    control(replica, "fault", clear=True)
    client(replica).publicGetPing()


def test_streams_lose_repeat_swap_and_fall_silent_as_told(replica: Replica) -> None:
    async def run() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(replica.url + "/ws/btcusdt@depth@100ms") as socket,
        ):

            async def ids(count: int) -> list[tuple[int, int]]:
                heard = [await socket.receive_json(timeout=5) for _ in range(count)]
                return [(event["U"], event["u"]) for event in heard]

            async def after(**fault: Any) -> list[tuple[int, int]]:
                (before,) = await ids(1)
                await asyncio.to_thread(control, replica, "fault", stream="btcusdt@depth", **fault)
                return [before, *await ids(7)]

            def jumps(heard: list[tuple[int, int]]) -> list[int]:
                return [later[0] - earlier[1] - 1 for earlier, later in pairwise(heard)]

            assert sum(jump > 0 for jump in jumps(await after(kind="gap", count=2))) == 1
            repeated = await after(kind="duplicate")
            assert len(set(repeated)) == len(repeated) - 1
            swapped = await after(kind="reorder")
            assert swapped != sorted(swapped)
            assert not any(jumps(sorted(swapped)))
            started = asyncio.get_running_loop().time()
            silent = await after(kind="silence", seconds=1.5)
            assert max(jumps(silent)) > 0
            assert asyncio.get_running_loop().time() - started > 1.5
            await asyncio.to_thread(control, replica, "fault", disconnect=True)
            with pytest.raises(TypeError, match="8:1000"):
                await ids(100)

    asyncio.run(asyncio.wait_for(run(), 30))
