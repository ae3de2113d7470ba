"""Bybit's public API, spot and linear: https://bybit-exchange.github.io/docs/v5/intro."""

import json

from freqtrade_ext.replica.candles import DAY_MS
from tests.venues.stub import Stub, text

INTERVALS = {"1": "1m", "5": "5m", "15": "15m", "60": "1h", "240": "4h", "D": "1d"}
MOST_LEVELS = {"spot": 200, "linear": 500}


class Bybit(Stub):
    EXCHANGE = "bybit"
    SOCKETS = ("/v5/public/",)

    @property
    def market_type(self):
        """How ccxt calls these markets in its option `fetchMarkets`."""
        return "linear" if self.futures else "spot"

    def market_id(self, base):
        return base + self.quote

    def rest(self, path, params):
        answer = {
            "/v5/market/time": self._time,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/risk-limit": self._risk_limits,
            "/v5/market/orderbook": self._orderbook,
            "/v5/market/full_orderbook": self._full_orderbook,
            "/v5/market/recent-trade": self._recent_trades,
            "/v5/market/kline": self._klines,
            "/v5/market/mark-price-kline": self._mark_klines,
            "/v5/market/tickers": self._tickers,
            "/v5/market/funding/history": self._fundings,
        }[path]
        result = answer(params)
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now_ms()}

    def _time(self, params):
        return {"timeSecond": str(self.now_ms() // 1000), "timeNano": str(self.now_ms() * 1_000_000)}

    def _is_served(self, params):
        """Spot and futures share the ids of their markets; other categories are empty."""
        is_ours = params["category"] == ("linear" if self.futures else "spot")
        return is_ours and params.get("status") != "PreLaunch"

    def _listing(self, params, rows):
        rows = rows if self._is_served(params) else []
        return {"category": params["category"], "list": rows, "nextPageCursor": ""}

    def _instruments(self, params):
        return self._listing(params, [self._instrument(*item) for item in self.running_by_id.items()])

    def _instrument(self, symbol, running):
        rules = running.market.symbol
        both = {"symbol": symbol, "baseCoin": rules.base, "quoteCoin": self.quote, "status": "Trading"}
        tick, step = text(rules.tick), text(rules.step)
        if not self.futures:
            lots = {"basePrecision": step, "quotePrecision": "0.00000001", "minOrderQty": step}
            lots |= {"maxOrderQty": "1000", "minOrderAmt": "5", "maxOrderAmt": "4000000"}
            lots |= {"maxLimitOrderQty": "1000", "maxMarketOrderQty": "100"}
            risk = {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"}
            more = {"innovation": "0", "marginTrading": "utaOnly", "riskParameters": risk}
            return {**both, **more, "lotSizeFilter": lots, "priceFilter": {"tickSize": tick}}
        lots = {"maxOrderQty": "1190.000", "minOrderQty": step, "qtyStep": step}
        lots |= {"postOnlyMaxOrderQty": "1190.000", "maxMktOrderQty": "119.000", "minNotionalValue": "5"}
        return {
            **both,
            "contractType": "LinearPerpetual",
            "launchTime": "1584230400000",
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": "2",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
            "lotSizeFilter": lots,
            "unifiedMarginTrade": True,
            "fundingInterval": 480,
            "settleCoin": self.quote,
            "copyTrading": "both",
            "upperFundingRate": "0.00375",
            "lowerFundingRate": "-0.00375",
            "isPreListing": False,
            "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        }

    def _risk_limits(self, params):
        tiers = [("2000000", "0.005", "0.01", "100.00"), ("4000000", "0.0056", "0.0111", "90.00")]
        rows = [
            {
                "id": number,
                "symbol": symbol,
                "riskLimitValue": value,
                "maintenanceMargin": maintenance,
                "initialMargin": initial,
                "isLowestRisk": int(number == 1),
                "maxLeverage": leverage,
                "mmDeduction": "" if number == 1 else "1200",
            }
            for symbol in self.running_by_id
            for number, (value, maintenance, initial, leverage) in enumerate(tiers, 1)
        ]
        return self._listing(params, rows)

    def _full_orderbook(self, params):
        """Spot has it since July 2026, futures not yet."""
        if self.futures:
            raise KeyError("full_orderbook")
        return self._orderbook(params, 10_000)

    def _orderbook(self, params, limit=None):
        market = self.running_by_id[params["symbol"]].market
        limit = limit or min(int(params.get("limit", 25)), MOST_LEVELS[params["category"]])
        bids, asks = (
            [[text(r), text(a)] for r, a in side.levels(limit)] for side in (market.bids, market.asks)
        )
        numbers = {"u": market.update_id, "seq": market.update_id, "cts": self.now_ms()}
        return {"s": params["symbol"], "b": bids, "a": asks, "ts": self.now_ms(), **numbers}

    def _recent_trades(self, params):
        trades = self.running_by_id[params["symbol"]].market.trades
        most = 1000 if self.futures else 60
        rows = [
            {
                "execId": str(trade.id),
                "symbol": params["symbol"],
                "price": text(trade.rate),
                "size": text(trade.amount),
                "side": "Sell" if trade.is_buyer_maker else "Buy",
                "time": str(trade.ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(trade.id),
            }
            for trade in reversed(trades[-min(int(params.get("limit", 500)), most) :])
        ]
        return {"category": params["category"], "list": rows}

    def _klines(self, params):
        return self._rows(params, self.running_by_id[params["symbol"]].market.candles, 7)

    def _mark_klines(self, params):
        return self._rows(params, self.running_by_id[params["symbol"]].perpetual.candles, 5)

    def _rows(self, params, candles, columns):
        start, end = (int(params[n]) if n in params else None for n in ("start", "end"))
        found = candles.interval(INTERVALS[params["interval"]], start, end, int(params.get("limit", 200)))
        rows = [[str(row[0]), *map(text, row[1:columns])] for row in reversed(found.tolist())]
        return {"symbol": params["symbol"], "category": params["category"], "list": rows}

    def _tickers(self, params):
        items = self.running_by_id.items()
        rows = [self._ticker(*item) for item in items if params.get("symbol", item[0]) == item[0]]
        return self._listing(params, rows)

    def _ticker(self, symbol, running):
        market, perpetual = running.market, running.perpetual
        (bid, bid_size), (ask, ask_size) = market.bids.levels(1)[0], market.asks.levels(1)[0]
        first = int(market.candles.minutes(DAY_MS // 60_000)[0, 1])
        row = {"symbol": symbol, "bid1Price": text(bid), "bid1Size": text(bid_size), "ask1Price": text(ask)}
        row |= {"ask1Size": text(ask_size), "lastPrice": text(market.last), "prevPrice24h": text(first)}
        row |= {"price24hPcnt": f"{market.last / first - 1:.6f}", "highPrice24h": text(market.last)}
        row |= {"lowPrice24h": text(first), "turnover24h": "4014352.6872", "volume24h": "6780.866843"}
        if not self.futures:
            return row | {"usdIndexPrice": text(market.last)}
        due_ms = perpetual.next_funding_ms(self.now_ms())
        row |= {"indexPrice": text(perpetual.mark), "markPrice": text(perpetual.mark), "openInterest": "1"}
        return row | {"fundingRate": text(perpetual.funding_rate(due_ms)), "nextFundingTime": str(due_ms)}

    def _fundings(self, params):
        perpetual = self.running_by_id[params["symbol"]].perpetual
        end_ms = int(params.get("endTime", self.now_ms()))
        start_ms = int(params.get("startTime", end_ms - 30 * DAY_MS))
        rows = [
            {
                "symbol": params["symbol"],
                "fundingRate": text(perpetual.funding_rate(ms)),
                "fundingRateTimestamp": str(ms),
            }
            for ms in reversed(perpetual.fundings(start_ms, min(end_ms, self.now_ms()))[-200:])
        ]
        return {"category": params["category"], "list": rows}

    def hear(self, client, message):
        request = json.loads(message)
        if request["op"] == "ping":
            pong = {"success": True, "ret_msg": "pong", "conn_id": "1", "op": "ping"}
            return [pong | {"req_id": request.get("req_id", "")}]
        for name in request["args"]:
            if request["op"] == "subscribe":
                self.follow(client, name, request)
            else:
                client.topics.pop(name, None)
        answer = {"success": True, "ret_msg": "", "conn_id": "1", "op": request["op"]}
        return [answer | {"req_id": request.get("req_id", "")}]

    def say(self, topic):
        kind, *middle, symbol = topic.name.split(".")
        market = self.running_by_id[symbol].market
        if kind == "publicTrade":
            yield from self._trades(topic, market, symbol)
        elif kind == "orderbook":
            yield from self._changes(topic, market, symbol, int(middle[0]))
        elif kind == "kline" and self.now_ms() >= topic.due_ms:
            topic.due_ms = self.now_ms() + 1000
            yield self._candle(topic, market, INTERVALS[middle[0]], middle[0])

    def _changes(self, topic, market, symbol, depth):
        kind = "snapshot" if topic.fresh else "delta"
        if topic.fresh:
            self.begin(topic)
        bids, asks = self.changed(topic, market, depth)
        if not bids and not asks:
            return
        topic.sequence = 1 if topic.sequence == 0 else topic.sequence + 1
        numbers = {"u": topic.sequence, "seq": market.update_id}
        data = {"s": symbol, "b": bids, "a": asks, **numbers}
        ms = self.now_ms()
        yield {"topic": topic.name, "type": kind, "ts": ms, "data": data, "cts": ms}

    def _trades(self, topic, market, symbol):
        rows = [
            {
                "i": str(trade.id),
                "T": trade.ms,
                "p": text(trade.rate),
                "v": text(trade.amount),
                "S": "Sell" if trade.is_buyer_maker else "Buy",
                "s": symbol,
                "BT": False,
                "RPI": False,
                # the cross sequence is that of all trades of one taker order
                "seq": trade.ms,
            }
            | ({"L": "PlusTick"} if self.futures else {})
            for trade in self.printed(topic, market)
        ]
        if rows:
            yield {"topic": topic.name, "type": "snapshot", "ts": self.now_ms(), "data": rows}

    def _candle(self, topic, market, timeframe, interval):
        row = market.candles.interval(timeframe, limit=1).tolist()[0]
        names = ("open", "high", "low", "close", "volume", "turnover")
        data = {"start": row[0], "end": row[0] + 59_999, "interval": interval, "confirm": False}
        data |= dict(zip(names, map(text, row[1:7]), strict=True)) | {"timestamp": self.now_ms()}
        return {"topic": topic.name, "type": "snapshot", "ts": self.now_ms(), "data": [data]}
