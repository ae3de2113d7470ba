"""OKX's public API, spot and swap (contracts): https://www.okx.com/docs-v5/en/."""

import json

from freqtrade_ext.replica.candles import DAY_MS
from tests.venues.stub import Stub, text

INTERVALS = {"1m": "1m", "5m": "5m", "15m": "15m", "1H": "1h", "4H": "4h", "1Dutc": "1d"}
CONTRACT = 100
"""contracts per coin: ctVal is 0.01"""
DEPTHS = {"books": 400, "books5": 5, "bbo-tbt": 1}


class Okx(Stub):
    EXCHANGE = "okx"
    SOCKETS = ("/ws/v5/",)

    @property
    def market_type(self):
        """How ccxt calls these markets in its option `fetchMarkets`."""
        return "swap" if self.futures else "spot"

    def market_id(self, base):
        return f"{base}-{self.quote}-SWAP" if self.futures else f"{base}-{self.quote}"

    def rest(self, path, params):
        answer = {
            "/api/v5/public/time": self._time,
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/public/position-tiers": self._tiers,
            "/api/v5/public/funding-rate-history": self._fundings,
            "/api/v5/public/funding-rate": self._funding,
            "/api/v5/public/price-limit": self._price_limit,
            "/api/v5/public/mark-price": self._mark,
            "/api/v5/market/books": self._books,
            "/api/v5/market/books-full": self._books,
            "/api/v5/market/trades": self._trades,
            "/api/v5/market/candles": self._candles,
            "/api/v5/market/history-candles": self._candles,
            "/api/v5/market/mark-price-candles": self._mark_candles,
            "/api/v5/market/history-mark-price-candles": self._mark_candles,
            "/api/v5/market/tickers": self._tickers,
            "/api/v5/market/ticker": self._tickers,
        }[path]
        return {"code": "0", "msg": "", "data": answer(params)}

    def size(self, amount):
        """Write an amount as the venue counts it: coins on spot, contracts on swaps."""
        return text(amount * CONTRACT) if self.futures else text(amount)

    def _of(self, params):
        return self.running_by_id[params["instId"]]

    def _time(self, params):
        return [{"ts": str(self.now_ms())}]

    def _instruments(self, params):
        if params["instType"] != ("SWAP" if self.futures else "SPOT"):
            return []
        return [self._instrument(*item) for item in self.running_by_id.items()]

    def _instrument(self, name, running):
        rules = running.market.symbol
        both = {"instId": name, "instType": "SPOT", "state": "live", "alias": "", "category": "1"}
        both |= {"expTime": "", "listTime": "1548133413000", "optType": "", "stk": "", "lever": "100"}
        both |= {"tickSz": text(rules.tick), "lotSz": self.size(rules.step), "minSz": self.size(rules.step)}
        both |= {"maxLmtSz": "9999999999", "maxLmtAmt": "20000000", "maxMktAmt": "1000000"}
        both |= {"maxTwapSz": "9999999999", "maxStopSz": "1000000", "ruleType": "normal"}
        if not self.futures:
            coins = {"baseCcy": rules.base, "quoteCcy": self.quote, "settleCcy": "", "uly": "", "ctVal": ""}
            return both | coins | {"maxMktSz": "1000000", "instFamily": "", "ctType": "", "ctMult": ""}
        family = f"{rules.base}-{self.quote}"
        coins = {"baseCcy": "", "quoteCcy": "", "settleCcy": self.quote, "uly": family, "instFamily": family}
        contract = {"ctVal": "0.01", "ctMult": "1", "ctValCcy": rules.base, "ctType": "linear"}
        return both | coins | contract | {"instType": "SWAP", "maxMktSz": "12000"}

    def _tiers(self, params):
        tiers = [("0", "50000", "0.004", "100"), ("50000", "10000000", "0.005", "75")]
        return [
            {
                "instId": "",
                "instFamily": params.get("instFamily", ""),
                "tier": str(number),
                "minSz": low,
                "maxSz": high,
                "mmr": maintenance,
                "imr": f"{1 / float(leverage):.4f}",
                "maxLever": leverage,
                "uly": params.get("uly", ""),
                "baseMaxLoan": "",
                "quoteMaxLoan": "",
                "optMgnFactor": "0",
            }
            for number, (low, high, maintenance, leverage) in enumerate(tiers, 1)
        ]

    def _fundings(self, params):
        perpetual = self._of(params).perpetual
        now_ms = self.now_ms()
        # as OKX words it: `before` asks for what is newer, `after` for what is older
        newer, older = int(params.get("before", now_ms - 90 * DAY_MS)), int(params.get("after", now_ms + 1))
        times = [ms for ms in perpetual.fundings(newer + 1, min(now_ms, older - 1))]
        both = {"instId": params["instId"], "instType": "SWAP", "method": "current_period"}
        both |= {"formulaType": "withRate"}
        return [
            both | {"fundingTime": str(ms), "fundingRate": rate, "realizedRate": rate}
            for ms, rate in ((ms, text(perpetual.funding_rate(ms))) for ms in reversed(times[-100:]))
        ]

    def _funding(self, params):
        perpetual = self._of(params).perpetual
        due_ms = perpetual.next_funding_ms(self.now_ms())
        row = {"instId": params["instId"], "instType": "SWAP", "fundingTime": str(due_ms), "premium": "0"}
        row |= {"fundingRate": text(perpetual.funding_rate(due_ms)), "nextFundingRate": "", "ts": "1"}
        return [row | {"nextFundingTime": str(due_ms + perpetual.funding_ms), "method": "current_period"}]

    def _price_limit(self, params):
        market = self._of(params).market
        # about the rate of the moment, though nobody may have traded at it yet
        now = market.bids.best() or market.asks.best() or market.last
        row = {"instId": params["instId"], "instType": "SWAP", "enabled": True, "ts": str(self.now_ms())}
        return [row | {"buyLmt": text(now * 102 // 100), "sellLmt": text(now * 98 // 100)}]

    def _mark(self, params):
        row = {"instId": params["instId"], "instType": "SWAP", "ts": str(self.now_ms())}
        return [row | {"markPx": text(self._of(params).perpetual.mark)}]

    def _books(self, params):
        market, depth = self._of(params).market, int(params.get("sz", 1))
        bids, asks = (self._levels(side.levels(depth)) for side in (market.bids, market.asks))
        return [{"asks": asks, "bids": bids, "ts": str(self.now_ms()), "seqId": market.update_id}]

    def _levels(self, levels):
        return [[text(rate), self.size(amount), "0", "1"] for rate, amount in levels]

    def _trades(self, params):
        trades = self._of(params).market.trades[-min(int(params.get("limit", 100)), 500) :]
        return [self._trade(trade, params["instId"]) for trade in reversed(trades)]

    def _trade(self, trade, name):
        side = "sell" if trade.is_buyer_maker else "buy"
        row = {"instId": name, "tradeId": str(trade.id), "px": text(trade.rate)}
        return row | {"sz": self.size(trade.amount), "side": side, "ts": str(trade.ms), "source": "0"}

    def _candles(self, params):
        return self._rows(params, self._of(params).market.candles, self._candle)

    def _mark_candles(self, params):
        return self._rows(
            params, self._of(params).perpetual.candles, lambda row: [str(row[0]), *map(text, row[1:5]), "1"]
        )

    def _candle(self, row):
        volume = [self.size(row[5]), text(row[5]), text(row[6]), "1"]
        return [str(row[0]), *map(text, row[1:5]), *volume]

    def _rows(self, params, candles, worded):
        newer, older = (int(params[n]) if n in params else None for n in ("before", "after"))
        start = None if newer is None else newer + 1
        end = None if older is None else older - 1
        limit = int(params.get("limit", 100))
        found = candles.interval(INTERVALS[params["bar"].replace("utc", "")], start, end, limit)
        return [worded(row) for row in reversed(found.tolist())]

    def _tickers(self, params):
        items = self.running_by_id.items()
        return [self._ticker(*item) for item in items if params.get("instId", item[0]) == item[0]]

    def _ticker(self, name, running):
        market = running.market
        (bid, bid_size), (ask, ask_size) = market.bids.levels(1)[0], market.asks.levels(1)[0]
        first = int(market.candles.minutes(DAY_MS // 60_000)[0, 1])
        row = {"instType": "SWAP" if self.futures else "SPOT", "instId": name, "last": text(market.last)}
        row |= {"lastSz": "1", "askPx": text(ask), "askSz": self.size(ask_size), "bidPx": text(bid)}
        row |= {"bidSz": self.size(bid_size), "open24h": text(first), "high24h": text(market.last)}
        row |= {"low24h": text(first), "volCcy24h": "2222", "vol24h": "2222", "ts": str(self.now_ms())}
        return row | {"sodUtc0": text(first), "sodUtc8": text(first)}

    def hear(self, client, message):
        if message == "ping":
            return ["pong"]
        request, answers = json.loads(message), []
        for arg in request["args"]:
            name = f"{arg['channel']}:{arg['instId']}"
            answers.append({"event": request["op"], "arg": arg, "connId": "a4d3ae55"})
            if request["op"] == "unsubscribe":
                client.topics.pop(name, None)
            elif arg["instId"] not in self.running_by_id:
                wrong = f"Wrong URL or channel:{arg['channel']},instId:{arg['instId']} doesn't exist."
                answers[-1] = {"event": "error", "msg": wrong, "code": "60018", "connId": "a4d3ae55"}
            else:
                self.follow(client, name, arg)
        return answers

    def say(self, topic):
        channel, name = topic.name.split(":")
        market, arg = self.running_by_id[name].market, topic.request
        if channel == "trades":
            for trade in self.printed(topic, market):
                yield {"arg": arg, "data": [self._trade(trade, name) | {"count": "1", "seqId": trade.id}]}
        elif channel in DEPTHS:
            yield from self._changes(topic, market, channel)
        elif channel.startswith("candle") and self.now_ms() >= topic.due_ms:
            topic.due_ms = self.now_ms() + 1000
            timeframe = INTERVALS[channel.removeprefix("candle").replace("utc", "")]
            row = market.candles.interval(timeframe, limit=1).tolist()[0]
            yield {"arg": arg, "data": [[*self._candle(row)[:-1], "0"]]}

    def _changes(self, topic, market, channel):
        action, before = ("snapshot", -1) if topic.fresh else ("update", topic.sequence)
        if topic.fresh or channel != "books":
            self.begin(topic)
        bids, asks = self.changed(topic, market, DEPTHS[channel])
        if not bids and not asks:
            return
        topic.sequence = market.update_id
        numbers = {"seqId": topic.sequence, "prevSeqId": before, "checksum": 0, "ts": str(self.now_ms())}
        sides = {"bids": self._sized(bids), "asks": self._sized(asks)}
        worded = {"action": action} if channel == "books" else {}
        yield {"arg": topic.request, **worded, "data": [sides | numbers]}

    def _sized(self, levels):
        factor = CONTRACT if self.futures else 1
        return [
            [rate, f"{float(amount) * factor:.8f}", "0", "0" if amount == "0" else "1"]
            for rate, amount in levels
        ]
