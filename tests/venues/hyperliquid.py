"""Hyperliquid's info endpoint and streams, perps and spot: https://hyperliquid.gitbook.io/hyperliquid-docs."""

import json
from dataclasses import replace

from freqtrade_ext.replica.fixed import E8
from tests.venues.stub import Stub, text

MOST_LEVELS = 20
FIRST_SPOT = 107
"""index of the first spot market, "@107"; those before it are others'"""
FIGURES = 5


class Hyperliquid(Stub):
    EXCHANGE = "hyperliquid"
    SOCKETS = ("/ws",)
    FUNDING_HOURS = 1

    def rules(self, symbol):
        """At most five significant figures, but whole numbers always."""
        digits = FIGURES - len(str(symbol.start_rate // E8)) if symbol.start_rate >= E8 else FIGURES
        return replace(symbol, tick=E8 // 10 ** max(digits, 0))

    @property
    def market_type(self):
        """How ccxt calls these markets in its option `fetchMarkets`."""
        return "swap" if self.futures else "spot"

    def market_id(self, base):
        return base if self.futures else f"@{FIRST_SPOT + self._bases().index(base)}"

    def _bases(self):
        return [pair.partition("/")[0] for pair in self.pairs]

    def rest(self, path, params):
        answer = {
            "metaAndAssetCtxs": self._perps,
            "perpDexs": lambda params: [None],
            "spotMeta": lambda params: self._spots(params)[0],
            "spotMetaAndAssetCtxs": self._spots,
            "l2Book": lambda params: self._book(params["coin"], params.get("nSigFigs")),
            "recentTrades": self._recent,
            "candleSnapshot": self._candles,
            "fundingHistory": self._fundings,
            "exchangeStatus": lambda params: {"specialStatuses": None, "time": self.now_ms()},
        }[params["type"]]
        return answer(params)

    def _context(self, running):
        market, perpetual = running.market, running.perpetual
        middle = text((market.bids.best() + market.asks.best()) // 2)
        row = {"dayNtlVlm": "1169046.29", "markPx": text(perpetual.mark), "midPx": middle}
        row |= {"prevDayPx": text(market.last)}
        if not self.futures:
            return row | {"circulatingSupply": "596519.38", "dayBaseVlm": "1169.29", "coin": ""}
        due_ms = perpetual.next_funding_ms(self.now_ms())
        row |= {"funding": text(perpetual.funding_rate(due_ms)), "openInterest": "688.11"}
        row |= {"oraclePx": text(perpetual.mark), "premium": "0.0", "dayBaseVlm": "1169.29"}
        return row | {"impactPxs": [text(market.bids.best()), text(market.asks.best())]}

    def _decimals(self, running):
        return max(0, 8 - len(str(running.market.symbol.step)) + 1)

    def _perps(self, params):
        items = self.running_by_id.items() if self.futures else ()
        universe = [
            {"name": name, "szDecimals": self._decimals(running), "maxLeverage": 40, "marginTableId": 56}
            for name, running in items
        ]
        tables = [[56, {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}]}]]
        meta = {"universe": universe, "marginTables": tables, "collateralToken": 0}
        return [meta, [self._context(running) for _, running in items]]

    def _spots(self, params):
        usdc = {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "isCanonical": True}
        items = () if self.futures else tuple(enumerate(self.running_by_id.items(), 1))
        tokens = [usdc | {"tokenId": "0x6d1e", "evmContract": None, "fullName": None}] + [
            {"name": running.market.symbol.base, "szDecimals": self._decimals(running), "weiDecimals": 10}
            | {"index": at, "tokenId": "0x0d01", "isCanonical": False, "evmContract": None, "fullName": ""}
            for at, (_, running) in items
        ]
        universe = [
            {"tokens": [at, 0], "name": name, "index": int(name[1:]), "isCanonical": False}
            for at, (name, _) in items
        ]
        contexts = [{}] * FIRST_SPOT + [self._context(running) | {"coin": n} for _, (n, running) in items]
        return [{"universe": universe, "tokens": tokens}, contexts]

    def _book(self, coin, figures=None):
        market = self.running_by_id[coin].market
        bids, asks = (self._levels(s, figures, up) for s, up in ((market.bids, False), (market.asks, True)))
        return {"coin": coin, "time": self.now_ms(), "levels": [bids, asks]}

    def _levels(self, side, figures, is_rounded_up):
        """The first levels, grouped by so many significant figures; None leaves every rate by itself."""
        grouped = {}
        for rate, amount in side.levels():
            step = 1 if figures is None else 10 ** (len(str(rate)) - figures)
            at = -(-rate // step) * step if is_rounded_up else rate // step * step
            if at not in grouped and len(grouped) == MOST_LEVELS:
                break
            amount_there, count = grouped.get(at, (0, 0))
            grouped[at] = amount_there + amount, count + 1
        return [{"px": text(rate), "sz": text(sz), "n": n} for rate, (sz, n) in grouped.items()]

    def _trade(self, trade, coin):
        row = {"coin": coin, "side": "A" if trade.is_buyer_maker else "B", "px": text(trade.rate)}
        row |= {"sz": text(trade.amount), "time": trade.ms, "hash": f"0x{trade.ms:064x}", "tid": trade.id}
        return row | {"users": ["0x" + "0" * 40] * 2}

    def _recent(self, params):
        trades = self.running_by_id[params["coin"]].market.trades[-10:]
        return [self._trade(trade, params["coin"]) for trade in reversed(trades)]

    def _candles(self, params):
        request = params["req"]
        candles = self.running_by_id[request["coin"]].market.candles
        rows = candles.interval(request["interval"], request["startTime"], request["endTime"], 5000)
        return [self._candle(row, request["coin"], request["interval"]) for row in rows.tolist()]

    def _candle(self, row, coin, interval):
        names = ("o", "h", "l", "c", "v")
        times = {"t": row[0], "T": row[0] + 59_999, "s": coin, "i": interval, "n": row[7]}
        return times | dict(zip(names, map(text, row[1:6]), strict=True))

    def _fundings(self, params):
        perpetual = self.running_by_id[params["coin"]].perpetual
        end_ms = min(params.get("endTime", self.now_ms()), self.now_ms())
        return [
            {"coin": params["coin"], "fundingRate": text(perpetual.funding_rate(ms)), "premium": "0.0"}
            | {"time": ms + 41}
            for ms in perpetual.fundings(params["startTime"], end_ms)[:500]
        ]

    def hear(self, client, message):
        request = json.loads(message)
        if request["method"] == "ping":
            return [{"channel": "pong"}]
        wanted = request["subscription"]
        name = ":".join(str(wanted[part]) for part in ("type", "coin", "interval") if part in wanted)
        if request["method"] == "unsubscribe":
            client.topics.pop(name, None)
        elif name in client.topics:
            return [{"channel": "error", "data": f"Already subscribed: {json.dumps(wanted)}"}]
        elif wanted["coin"] not in self.running_by_id:
            return [{"channel": "error", "data": f"Invalid subscription {json.dumps(wanted)}"}]
        else:
            self.follow(client, name, wanted)
        return [{"channel": "subscriptionResponse", "data": request}]

    def say(self, topic):
        kind, coin, *_ = topic.name.split(":")
        market = self.running_by_id[coin].market
        if kind == "trades":
            rows = [self._trade(trade, coin) for trade in self.printed(topic, market)]
            if rows:
                yield {"channel": "trades", "data": rows}
            return
        if self.now_ms() < topic.due_ms:
            return
        # a whole book with every block that changed it, at most twice a second
        topic.due_ms = self.now_ms() + 500
        if kind == "l2Book":
            yield {"channel": "l2Book", "data": self._book(coin, topic.request.get("nSigFigs"))}
        elif kind == "candle":
            interval = topic.request["interval"]
            row = market.candles.interval(interval, limit=1).tolist()[0]
            yield {"channel": "candle", "data": self._candle(row, coin, interval)}
