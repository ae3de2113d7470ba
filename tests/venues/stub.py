"""
What the stub venues share: a generated market on loopback, a web server, sockets, and faults on demand.

A venue's own module puts the market into that venue's words. Used like the replica:
`with Bybit(["BTC/USDT"]) as stub:`, with `stub.overlay()` for the bot and `stub.market("BTC")` for the test.
"""

import asyncio
import json
import re
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import ccxt.pro
from aiohttp import WSCloseCode, WSMsgType, web

from freqtrade_ext.replica.exchange import Exchange, generated, wall_clock_ms
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.happenings import Quotes
from freqtrade_ext.replica.overlay import rehost
from freqtrade_ext.replica.symbols import listed

HOST = "127.0.0.1"
TICK_SECONDS = 0.05


def text(fixed):
    """Write a number of 1e-8 as the venues do: without zeros at its end."""
    return to_text(fixed).rstrip("0").rstrip(".")


@dataclass
class Topic:
    """One stream that a client follows, and what it was told."""

    name: str
    request: dict
    """the subscription as the client worded it"""
    sides: tuple = ({}, {})
    """bids and asks told, amounts by rate"""
    trade_id: int = 0
    sequence: int = 0
    due_ms: int = 0
    fresh: bool = True


@dataclass
class Client:
    socket: web.WebSocketResponse
    topics: dict[str, Topic] = field(default_factory=dict)
    is_dead: bool = False
    """the line is cut: nothing comes through in either direction, and nobody is told"""


class Stub:
    """A venue with spot or perpetual markets, in a thread of its own."""

    EXCHANGE = ""
    SOCKETS = ()
    FUNDING_HOURS = 8

    def __init__(self, pairs, *, futures=False, seed=1, scenario="calm", activity=1.0, ahead_ms=0, delay=0.0):
        self.futures, self.ahead_ms, self.pairs = futures, ahead_ms, pairs
        self.delay_seconds = delay
        """one way, for requests and messages alike"""
        self.late_seconds = 0.0
        """how much longer than answers the messages of topics take"""
        self.late = ""
        """pattern of the topics that come late"""
        self.requests = Counter()
        bases = [pair.partition("/")[0] for pair in pairs]
        self.quote = pairs[0].partition("/")[2].partition(":")[0]
        self.exchange = Exchange(self.now_ms)
        for base in bases:
            rules = self.rules(listed(f"{base}/USDT"))
            args = (rules, f"{seed}/{base}", scenario, scenario, self.now_ms(), activity)
            self.exchange.add(*generated(*args))
        self.exchange.advance(self.now_ms())
        self.running_by_id = {self.market_id(b): self.exchange.running[f"{b}USDT"] for b in bases}
        for running in self.exchange.running.values():
            running.perpetual.funding_ms = self.FUNDING_HOURS * 3_600_000
        self.port = 0
        self._clients, self._silent, self._lost = [], [], Counter()

    # -- what a test does ---------------------------------------------------------------------------

    def now_ms(self):
        return wall_clock_ms() + self.ahead_ms

    def market(self, base):
        return self.exchange.running[f"{base}USDT"].market

    def perpetual(self, base):
        return self.exchange.running[f"{base}USDT"].perpetual

    def book(self, base, bids, asks):
        """Freeze a market at exactly this book; (rate, amount) each."""
        sides = [[(round(rate * 1e8), round(amount * 1e8)) for rate, amount in s] for s in (bids, asks)]

        def freeze():
            self.market(base).frozen = True
            self.market(base).apply(Quotes(self.now_ms(), *sides, whole=True))

        self.call(freeze)

    def take(self, base, side, amount):
        """Let a stranger buy or sell at the market."""
        self.call(lambda: self.market(base).take(self.now_ms(), side, round(amount * 1e8)))

    def silence(self, pattern):
        """Say nothing more on topics that match, while the connection lives and answers pings."""
        self._silent.append(pattern)

    def speak(self):
        self._silent.clear()

    def lose(self, pattern, count):
        """Drop the next messages of topics that match; their numbers go on."""
        self._lost[pattern] += count

    def hang_up(self):
        """Close every connection."""
        self.call(lambda: [asyncio.ensure_future(self._close(client)) for client in self._clients])

    def cut(self):
        """Let every line go dead without a word; new connections work."""
        for client in self._clients:
            client.is_dead = True

    def restart(self, seconds=0.0):
        """Be away for so long, then come back on the same port."""
        self._stop_serving()
        threading.Event().wait(seconds)
        self._serve()

    def overlay(self):
        """Return the freqtrade configuration that leads a bot here."""
        api = rehost(getattr(ccxt.pro, self.EXCHANGE)().urls["api"], f"http://{HOST}:{self.port}")
        exchange = {
            "name": self.EXCHANGE,
            "pair_whitelist": self.pairs,
            "ccxt_config": {"urls": {"api": api}},
        }
        mode = {"trading_mode": "futures", "margin_mode": "isolated"} if self.futures else {}
        return {"stake_currency": self.quote, "exchange": exchange, **mode}

    # -- what a venue says --------------------------------------------------------------------------

    def rules(self, symbol):
        """Return the trading rules of a market, given those that the replica has for it."""
        return symbol

    def market_id(self, base):
        raise NotImplementedError

    def rest(self, path, params):
        """Return the answer to a request; KeyError where there is no such endpoint."""
        raise NotImplementedError

    def hear(self, client, message):
        """Return the answers to a client's message, with `follow` and `unfollow` for its topics."""
        raise NotImplementedError

    def say(self, topic):
        """Return the messages that are due on a topic, after `changed`, `printed` or `candle`."""
        raise NotImplementedError

    def follow(self, client, name, request):
        client.topics[name] = Topic(name, request)

    def changed(self, topic, market, depth):
        """Return (bids, asks) as text: what changed within `depth` levels since the last message."""
        found = []
        for told, side in zip(topic.sides, (market.bids, market.asks), strict=True):
            now = dict(side.levels(depth))
            gone = dict.fromkeys(told.keys() - now.keys(), 0)
            news = gone | {rate: amount for rate, amount in now.items() if told.get(rate) != amount}
            told.clear()
            told.update(now)
            found.append([[text(rate), text(amount)] for rate, amount in news.items()])
        return found

    def begin(self, topic):
        """Forget what was told, so that the next change is a whole book."""
        topic.sides, topic.fresh = ({}, {}), False

    def printed(self, topic, market):
        """Return the trades since the last message; none of those before the subscription."""
        trades = market.trades[-200:]
        new = [trade for trade in trades if trade.id > topic.trade_id] if topic.trade_id else []
        topic.trade_id = trades[-1].id if trades else topic.trade_id
        return new

    # -- server -------------------------------------------------------------------------------------

    def call(self, action):
        async def act():
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def __enter__(self):
        self._serve()
        return self

    def __exit__(self, *error):
        self._stop_serving()

    def _serve(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def _stop_serving(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self, ready):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._route)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, HOST, self.port, reuse_address=True).start()
        self.port = runner.addresses[0][1]
        ready.set()
        while not self._stop.is_set():
            self.exchange.advance(self.now_ms())
            for client in list(self._clients):
                await self._tell(client)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK_SECONDS)
        for client in list(self._clients):
            await self._close(client)
        await runner.cleanup()

    async def _tell(self, client):
        for topic in list(client.topics.values()):
            for message in self.say(topic):
                if not any(re.search(pattern, topic.name) for pattern in self._silent):
                    self._send(client, message, topic.name)

    def _send(self, client, message, name=""):
        for pattern in self._lost:
            if self._lost[pattern] and name and re.search(pattern, name):
                self._lost[pattern] -= 1
                return
        said = message if isinstance(message, str) else json.dumps(message)
        delay = self.delay_seconds + (self.late_seconds if name and re.search(self.late, name) else 0.0)
        self._loop.call_later(delay, lambda: self._loop.create_task(self._write(client, said)))

    async def _write(self, client, said):
        if not client.is_dead and not client.socket.closed:
            with suppress(ConnectionError, RuntimeError):
                await client.socket.send_str(said)

    async def _close(self, client):
        with suppress(ConnectionError, RuntimeError):
            await client.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _route(self, request):
        await asyncio.sleep(self.delay_seconds)
        if request.path.startswith(self.SOCKETS):
            return await self._listen(request)
        body = await request.read()
        params = dict(request.query) | (json.loads(body) if body else {})
        self.requests[request.path + (f" {params['type']}" if "type" in params else "")] += 1
        self.exchange.advance(self.now_ms())
        try:
            answer = self.rest(request.path, params)
        except KeyError as error:
            return web.json_response({"error": f"{request.path} {params}: {error}"}, status=404)
        await asyncio.sleep(self.delay_seconds)
        return web.json_response(answer)

    async def _listen(self, request):
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        client = Client(socket)
        self._clients.append(client)
        try:
            async for received in socket:
                if client.is_dead:
                    continue
                if received.type == WSMsgType.PING:
                    await socket.pong(received.data)
                elif received.type == WSMsgType.TEXT:
                    for answer in self.hear(client, received.data):
                        self._send(client, answer)
        finally:
            self._clients.remove(client)
        return socket
