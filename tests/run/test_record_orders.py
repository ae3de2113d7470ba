"""Bitstamp's orders recorded from a stand-in for its public API, and read for the scoreboard."""

import asyncio
import json
import socket

import pytest
from aiohttp import WSMsgType, web

from freqtrade_ext.run import record as command
from freqtrade_ext.run.record_orders import OrderRecorder
from freqtrade_ext.tape.by_order import OrderTape, tapes
from freqtrade_ext.tape.order_events import DELETE, EXECUTION, NEW

MARKET = {"name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "counter_currency": "USD"}
MARKET |= {"base_decimals": 8, "counter_decimals": 0, "minimum_order_value": "10", "trading": "Enabled"}
MARKET |= {
    "market_type": "SPOT",
    "instant_and_market_orders": "Enabled",
    "description": "Bitcoin / U.S. dollar",
}


class Bitstamp:
    """REST `trading-pairs-info`, `markets` and `order_book?group=2`; the channels by WebSocket."""

    def __init__(self):
        self.micro, self.sockets, self.channels, self.snapshots = 10**15, [], [], 0
        self.breaks = 0

    async def markets(self, request):
        return web.json_response([MARKET])

    async def book(self, request):
        assert request.query["group"] == "2"
        # told by the channel before the snapshot and in it, and told after it
        await self.tell("live_orders", "order_created", self.order(3, 99))
        self.snapshots += 1
        stamp = self.micro
        await self.tell("live_orders", "order_created", self.order(4, 98))
        bids, asks = [["100", "1.0", "1"], ["99", "2.0", "3"]], [["101", "1.5", "2"]]
        return web.json_response({"microtimestamp": str(stamp), "bids": bids, "asks": asks})

    def order(self, order_id, rate, amount="2.0", side=0):
        return {"id": order_id, "order_type": side, "price_str": str(rate), "amount_str": amount}

    async def tell(self, channel, event, data):
        self.micro += 1000
        data |= {"microtimestamp": str(self.micro)}
        text = json.dumps({"event": event, "channel": f"{channel}_btcusd", "data": data})
        for one in self.sockets:
            await one.send_str(text)

    async def stream(self, request):
        one = web.WebSocketResponse()
        await one.prepare(request)
        async for message in one:
            assert message.type == WSMsgType.TEXT
            asked = json.loads(message.data)
            assert asked["event"] == "bts:subscribe"
            self.channels.append(asked["data"]["channel"])
            await one.send_json(
                {"event": "bts:subscription_succeeded", "channel": asked["data"]["channel"], "data": {}}
            )
            if len(self.channels) % 2 == 0:
                self.sockets.append(one)
                asyncio.get_running_loop().create_task(self.trade(one))
        return one

    async def trade(self, one):
        await asyncio.sleep(0.6)
        trade = {
            "id": 7,
            "type": 1,
            "price_str": "100",
            "amount_str": "1.0",
            "buy_order_id": 1,
            "sell_order_id": 9,
        }
        await self.tell("live_orders", "order_deleted", self.order(1, 100, "0.0"))
        self.micro -= 1000  # the same moment
        await self.tell("live_trades", "trade", trade)
        if self.breaks:
            self.breaks -= 1
            self.sockets.remove(one)
            await one.send_json({"event": "bts:request_reconnect", "channel": "", "data": ""})


def record(stub, folder, seconds):
    async def work():
        app = web.Application()
        for path in ("trading-pairs-info", "markets"):
            app.router.add_get(f"/api/v2/{path}/", stub.markets)
        app.router.add_get("/api/v2/order_book/btcusd/", stub.book)
        app.router.add_get("/ws", stub.stream)
        runner = web.AppRunner(app)
        await runner.setup()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        await web.TCPSite(runner, "127.0.0.1", port).start()
        base = f"http://127.0.0.1:{port}/api"
        urls = {"api": {"public": base, "private": base, "ws": f"ws://127.0.0.1:{port}/ws"}}
        config = {"exchange": {"ccxt_config": {"urls": urls}}}
        try:
            await command.record(config, ["BTC/USD"], seconds, folder, "bitstamp")
        finally:
            await runner.cleanup()

    asyncio.run(work())
    return sorted(folder.glob("btcusd_*.gz"))


def test_a_file_is_a_snapshot_by_order_and_what_was_told_after_it(tmp_path):
    stub = Bitstamp()
    (path,) = record(stub, tmp_path, 2)
    assert stub.channels == ["live_orders_btcusd", "live_trades_btcusd"]
    (events,) = OrderTape(path)
    rows = list(
        zip(events.kind.tolist(), events.id.tolist(), events.side.tolist(), events.rate.tolist(), strict=True)
    )
    assert rows == [
        (NEW, 1, 1, 100.0),
        (NEW, 3, 1, 99.0),
        (NEW, 2, -1, 101.0),
        (NEW, 4, 1, 98.0),
        (EXECUTION, 1, 1, 100.0),
        (DELETE, 1, 1, 100.0),
    ]
    assert [tape.path for tape in tapes([path])] == [path]  # as `fidelity --resting` takes it


def test_a_new_connection_begins_a_new_file_with_its_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("freqtrade_ext.run.record_pair.RETRY_SECONDS", (1,))
    stub = Bitstamp()
    stub.breaks = 1
    files = record(stub, tmp_path, 4)
    assert (len(files), stub.snapshots) == (2, 2)
    assert [len(list(OrderTape(path))) for path in files] == [1, 1]


@pytest.mark.parametrize("arguments", [["--orders"], ["--exchange", "bitstamp"]])
def test_orders_are_recorded_of_bitstamp_alone(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main([*arguments, "--pairs", "BTC/USD", "--out", str(tmp_path)])
    assert "--orders is for --exchange bitstamp" in capsys.readouterr().err


def test_what_is_no_message_of_the_market_is_passed_over():
    recorder = OrderRecorder.__new__(OrderRecorder)
    recorder._symbol, recorder.messages, recorder._tape = "btcusd", 0, None
    assert (
        recorder._take_message(1, '{"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}')
        == set()
    )
    assert recorder.messages == 0
