"""
Market streams of USD-M futures: spot's, in futures' words, and the mark price.

Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
"""

from __future__ import annotations

from freqtrade_ext.replica.exchange import Exchange
from freqtrade_ext.replica.fixed import to_text
from freqtrade_ext.replica.market import Market
from freqtrade_ext.replica.messages import Message
from freqtrade_ext.replica.streams import Channels, Periodic, Publish

FUTURES = "usdm/"
"""put before the names of streams, which spot and futures share"""


class FuturesStreams(Channels):
    """Depth updates name the one before them by `pu`; a best bid and offer has its times."""

    def __init__(self, exchange: Exchange, publish: Publish) -> None:
        super().__init__(exchange.markets, self._reword)
        self._exchange = exchange
        self._say = publish
        self._last_ids: dict[str, int] = {}

    def follow(self, name: str) -> None:
        symbol, _, kind = name.partition("@")
        self._last_ids.pop(name, None)
        running = self._exchange.running.get(symbol.upper())
        if running is not None and kind.partition("@")[0] == "markPrice":
            self.repeat(name, Periodic(running.market, self._mark_price))
        else:
            super().follow(name)

    def _mark_price(self, market: Market, ms: int) -> Message:
        name = market.symbol.name
        perpetual = self._exchange.running[name].perpetual
        due_ms, mark = perpetual.next_funding_ms(ms), to_text(perpetual.mark)
        head = {"e": "markPriceUpdate", "E": ms, "s": name, "p": mark, "ap": mark, "i": mark, "P": mark}
        return head | {"r": to_text(perpetual.funding_rate(due_ms)), "T": due_ms}

    def _reword(self, name: str, message: Message) -> None:
        message.pop("M", None)
        if message.get("e") == "depthUpdate":
            before = self._last_ids.get(name, message["U"] - 1)
            self._last_ids[name] = message["u"]
            message = message | {"T": message["E"], "pu": before}
        elif "e" not in message:
            now_ms = self._exchange.now_ms()
            message = {"e": "bookTicker", **message, "E": now_ms, "T": now_ms}
        self._say(FUTURES + name, message)
