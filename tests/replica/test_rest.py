"""Driven with the real ccxt client; answers checked against Binance's documentation and recordings."""

import gc
import gzip
import json
import weakref
from pathlib import Path

import ccxt
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import Time, client, control


def test_markets_have_the_rules_of_binance(exchange: ccxt.binance) -> None:
    market = exchange.load_markets()["BTC/USDT"]
    assert market["precision"]["amount"] == 0.00001
    assert market["precision"]["price"] == 0.01
    assert market["limits"]["cost"] == {"min": 5.0, "max": 9_000_000.0}
    assert market["limits"]["market"]["max"] == 129.84957276
    assert market["active"]
    assert market["spot"]


def test_an_exchange_that_was_asked_and_is_gone_leaves_memory() -> None:
    """aiohttp remembered the last seventy, each with its markets: 55 MB."""
    with Replica(seed=3, pairs=["BTC/USDT"], scenario="calm") as replica:
        client(replica).fetch_time()
        exchange = weakref.ref(replica.exchange)
    del replica
    gc.collect()
    assert exchange() is None


def test_exchange_info_equals_the_recorded_one_but_for_what_is_not_offered(
    exchange: ccxt.binance, shared_data: Path
) -> None:
    with gzip.open(shared_data / "exchange_info" / "binance_spot_exchangeInfo_20240908.json.gz") as file:
        recorded = {symbol["symbol"]: symbol for symbol in json.load(file)["symbols"]}
    for ours in exchange.publicGetExchangeInfo()["symbols"]:
        theirs = json.loads(json.dumps(recorded[ours["symbol"]]), parse_int=str)
        assert ours.keys() == theirs.keys()
        for mine, real in zip(ours["filters"], theirs["filters"], strict=True):
            assert mine.keys() == real.keys()
            different = {name for name in mine if str(mine[name]) != str(real[name])}
            assert different <= {"maxPrice"}


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (("publicGetDepth", {"symbol": "NOSUCH"}), -1121, "Invalid symbol."),
        (
            ("publicGetDepth", {}),
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        (
            ("publicGetDepth", {"symbol": "BTCUSDT", "limit": "x"}),
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        (("publicGetKlines", {"symbol": "BTCUSDT", "interval": "7m"}), -1120, "Invalid interval."),
        (
            ("publicGetTicker24hr", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}),
            -1128,
            "Combination of optional parameters invalid.",
        ),
    ],
)
def test_refusals_have_binances_code_and_words(
    exchange: ccxt.binance, call: tuple[str, dict[str, str]], code: int, message: str
) -> None:
    with pytest.raises(ccxt.ExchangeError):
        getattr(exchange, call[0])(call[1])
    assert json.loads(exchange.last_http_response) == {"code": code, "msg": message}


def test_weights_are_counted_by_the_minute_and_their_limit_is_enforced() -> None:
    clock = Time(1_795_376_100_000)
    with Replica(pairs=["BTC/USDT"], clock=clock) as replica:
        exchange = client(replica)
        total = 0
        for limit, weight in ((5, 5), (100, 5), (500, 25), (1000, 50), (5000, 250)):
            exchange.publicGetDepth({"symbol": "BTCUSDT", "limit": limit})
            total += weight
            assert exchange.last_response_headers["X-Mbx-Used-Weight-1m"] == str(total)
        for _ in range((6000 - total) // 250):
            exchange.publicGetDepth({"symbol": "BTCUSDT", "limit": 5000})
        with pytest.raises(ccxt.DDoSProtection, match="Too much request weight used"):
            exchange.publicGetDepth({"symbol": "BTCUSDT", "limit": 5000})
        assert exchange.last_response_headers["Retry-After"] == "60"
        clock.ms += 60_000
        exchange.publicGetPing()
        assert exchange.last_response_headers["X-Mbx-Used-Weight-1m"] == "1"


def test_depth_goes_as_deep_as_asked_and_agrees_with_the_tickers(
    exchange: ccxt.binance, replica: Replica
) -> None:
    bids = [[round(100 - n / 100, 2), n + 1] for n in range(6000)]
    asks = [[round(101 + n / 100, 2), n + 1] for n in range(30)]
    update_id = control(replica, "book", symbol="BTCUSDT", bids=bids, asks=asks)["lastUpdateId"]
    for limit, levels in ((5, 5), (None, 100), (5000, 5000), (9999, 5000)):
        book = exchange.fetch_order_book("BTC/USDT", limit)
        assert book["nonce"] == update_id
        assert book["bids"] == bids[:levels]
        assert book["asks"] == asks[:levels]
    best = exchange.fetch_bids_asks(["BTC/USDT"])["BTC/USDT"]
    day = exchange.fetch_ticker("BTC/USDT")
    for ticker in (best, day):
        assert [ticker["bid"], ticker["bidVolume"], ticker["ask"], ticker["askVolume"]] == [100, 1, 101, 1]


def test_klines_come_in_the_order_and_number_asked_for(exchange: ccxt.binance) -> None:
    candles = exchange.fetch_ohlcv("BTC/USDT", "1h", limit=1000)
    assert len(candles) == 1000
    older = exchange.fetch_ohlcv("BTC/USDT", "1h", since=candles[0][0] - 500 * 3_600_000, limit=500)
    assert older[-1][0] == candles[0][0] - 3_600_000
    assert older[-1][4] == candles[0][1]
    assert len(exchange.fetch_ohlcv("BTC/USDT", "1d", limit=90)) == 90


def test_trades_of_all_endpoints_are_the_same_tape(exchange: ccxt.binance, replica: Replica) -> None:
    control(replica, "book", symbol="BTCUSDT", bids=[[99, 5]], asks=[[100, 1], [101, 2], [102, 9]])
    fills = control(replica, "trade", symbol="BTCUSDT", side="buy", amount=4)["fills"]
    assert fills == [
        ["100.00000000", "1.00000000"],
        ["101.00000000", "2.00000000"],
        ["102.00000000", "1.00000000"],
    ]
    latest = exchange.publicGetTrades({"symbol": "BTCUSDT", "limit": 3})
    assert [[t["price"], t["qty"]] for t in latest] == fills
    assert not any(t["isBuyerMaker"] for t in latest)
    agg = exchange.publicGetAggTrades({"symbol": "BTCUSDT", "limit": 3})
    assert [[a["p"], a["q"], a["f"], a["l"]] for a in agg] == [
        [t["price"], t["qty"], t["id"], t["id"]] for t in latest
    ]
    window = {"symbol": "BTCUSDT", "startTime": agg[0]["T"], "endTime": agg[0]["T"]}
    assert exchange.publicGetAggTrades(window) == agg
    assert exchange.publicGetAggTrades({"symbol": "BTCUSDT", "fromId": agg[1]["a"]}) == agg[1:]
    assert exchange.publicGetAggTrades({"symbol": "BTCUSDT", "startTime": int(agg[0]["T"]) + 1}) == []
    assert exchange.publicGetTickerPrice({"symbol": "BTCUSDT"})["price"] == "102.00000000"
    assert exchange.fetch_ohlcv("BTC/USDT", "1m", limit=1)[0][4] == 102


def test_every_url_of_ccxt_leads_to_loopback(replica: Replica) -> None:
    def urls(value: object) -> list[str]:
        if isinstance(value, dict):
            return [url for inner in value.values() for url in urls(inner)]
        return [str(value)]

    exchange = client(replica)
    assert len(urls(exchange.urls["api"])) > 20
    assert all(
        url.split("://")[1].startswith(f"127.0.0.1:{replica.port}") for url in urls(exchange.urls["api"])
    )


def test_the_overlay_names_the_market_as_not_real(replica: Replica) -> None:
    assert replica.overlay()["bot_name"] == "embedded (invented)"
