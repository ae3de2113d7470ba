"""The stub venues speak so that ccxt understands: an upgrade of ccxt that reads something else fails here."""

import asyncio
import time
from itertools import pairwise

import ccxt
import ccxt.pro
import pytest

from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx

pytestmark = pytest.mark.timeout(120)

VENUES = [
    pytest.param(Bybit, "BTC/USDT", id="bybit-spot"),
    pytest.param(Bybit, "BTC/USDT:USDT", id="bybit-linear"),
    pytest.param(Okx, "BTC/USDT", id="okx-spot"),
    pytest.param(Okx, "BTC/USDT:USDT", id="okx-swap"),
    pytest.param(Hyperliquid, "BTC/USDC", id="hyperliquid-spot"),
    pytest.param(Hyperliquid, "BTC/USDC:USDC", id="hyperliquid-perps"),
]


def client(library, stub):
    """Make ccxt's client of the stub's venue, with that venue's kind of markets alone."""
    given = stub.overlay()["exchange"]["ccxt_config"]
    kind = "swap" if stub.futures else "spot"
    options = {"defaultType": kind, "fetchMarkets": {"types": [stub.market_type]}}
    return getattr(library, stub.EXCHANGE)({**given, "options": options})


@pytest.mark.parametrize(("venue", "pair"), VENUES)
def test_ccxt_reads_the_market_by_rest(venue, pair):
    with venue([pair], futures=":" in pair) as stub:
        stub.book("BTC", [(104_000, 0.5), (103_999, 2)], [(104_001, 0.25), (104_003, 1)])
        stub.take("BTC", "buy", 0.05)
        api = client(ccxt, stub)
        api.load_markets()
        size = api.market(pair)["contractSize"] or 1
        book = api.fetch_order_book(pair, 20)
        sides = [[(level[0], round(level[1] * size, 8)) for level in book[side]] for side in ("bids", "asks")]
        assert sides == [[(104_000, 0.5), (103_999, 2)], [(104_001, 0.2), (104_003, 1)]]
        opened, *_, volume = api.fetch_ohlcv(pair, "1h", limit=3)[-1]
        assert opened == int(time.time() // 3600 * 3_600_000)
        assert volume > 0
        if stub.futures:
            rates = api.fetch_funding_rate_history(pair, limit=3)
            assert {rate["timestamp"] // 1000 % (stub.FUNDING_HOURS * 3600) for rate in rates} == {0}


@pytest.mark.parametrize(("venue", "pair"), VENUES)
def test_ccxt_keeps_the_book_by_websocket(venue, pair):
    async def watch(stub):
        socket = client(ccxt.pro, stub)
        try:
            await socket.load_markets()
            async with asyncio.timeout(20):
                for _ in range(5):
                    book = await socket.watch_order_book(pair)
                trades = asyncio.create_task(socket.watch_trades(pair))
                while not trades.done():
                    stub.market("BTC").take(stub.now_ms(), "buy", 1_000_000)
                    await asyncio.sleep(0.2)
            return book, trades.result()[-1], socket.market(pair)["contractSize"] or 1
        finally:
            await socket.close()

    with venue([pair], futures=":" in pair) as stub:
        book, trade, size = asyncio.run(watch(stub))
        assert 0 < book["asks"][0][0] - book["bids"][0][0] < 10
        assert trade["side"] in ("buy", "sell")
        assert trade["price"] == pytest.approx(book["bids"][0][0], rel=0.001)
        assert 0 < trade["amount"] * size < 100


def test_a_gap_is_not_seen_by_bybit_s_numbers_alone():
    """The numbers of the messages go on over those that are lost, as the venue's do."""
    with Bybit(["BTC/USDT"]) as stub:
        seen = asyncio.run(_deltas(stub, lose=2))
        assert any(later - earlier == 3 for earlier, later in pairwise(seen))


async def _deltas(stub, lose):
    socket = client(ccxt.pro, stub)
    numbers, handle = [], socket.handle_message
    await socket.load_markets()

    def spy(ws, message):
        if "orderbook" in message.get("topic", ""):
            numbers.append(message["data"]["u"])
        handle(ws, message)

    socket.handle_message = spy
    try:
        async with asyncio.timeout(20):
            await socket.watch_order_book("BTC/USDT")
            stub.lose("orderbook", lose)
            for _ in range(10):
                await socket.watch_order_book("BTC/USDT")
    finally:
        await socket.close()
    return numbers


def test_a_restarted_venue_serves_on_the_same_port():
    with Okx(["BTC/USDT"]) as stub:
        api = client(ccxt, stub)
        first = api.fetch_time()
        stub.restart()
        assert api.fetch_time() >= first
