import json
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import ccxt
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import control

BOOK = {"bids": [[99, 5]], "asks": [[100, 1], [101, 2]]}


def test_a_frozen_book_stays_as_it_is_until_released(exchange: ccxt.binance, replica: Replica) -> None:
    control(replica, "book", symbol="BTCUSDT", **BOOK)
    time.sleep(0.5)
    book = exchange.fetch_order_book("BTC/USDT")
    assert (book["bids"], book["asks"]) == ([[99, 5]], [[100, 1], [101, 2]])
    control(replica, "release", symbol="BTCUSDT")
    time.sleep(1)
    moved = exchange.fetch_order_book("BTC/USDT")
    assert moved["nonce"] > book["nonce"]
    assert 98 < moved["bids"][0][0] < moved["asks"][0][0] < 102


def test_a_trade_eats_the_book_and_a_print_does_not(exchange: ccxt.binance, replica: Replica) -> None:
    control(replica, "book", symbol="BTCUSDT", **BOOK)
    control(replica, "print", symbol="BTCUSDT", side="sell", rate=98, amount=7)
    assert exchange.fetch_ticker("BTC/USDT")["last"] == 98
    assert exchange.fetch_order_book("BTC/USDT")["bids"] == [[99, 5]]
    limited = control(replica, "trade", symbol="BTCUSDT", side="buy", amount=2, limit=100)
    assert limited["fills"] == [["100.00000000", "1.00000000"]]
    assert exchange.fetch_order_book("BTC/USDT")["asks"] == [[101, 2]]


def test_a_move_reaches_its_rate_by_trades_and_stays(exchange: ccxt.binance, replica: Replica) -> None:
    before = exchange.fetch_ticker("BTC/USDT")["last"]
    control(replica, "move", symbol="BTCUSDT", to=before * 1.03, seconds=2)
    there = pytest.approx(before * 1.03, rel=1e-3)
    deadline = time.monotonic() + 20
    while exchange.fetch_ticker("BTC/USDT")["last"] != there and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(1)
    # a quote that the move has passed may be taken late
    assert exchange.fetch_ticker("BTC/USDT")["last"] == pytest.approx(before * 1.03, rel=3e-3)
    assert exchange.fetch_order_book("BTC/USDT")["bids"][0][0] == pytest.approx(before * 1.03, rel=2e-4)
    assert exchange.fetch_ohlcv("BTC/USDT", "5m", limit=1)[0][2] >= before * 1.029


def test_trading_rules_change_and_halts_are_seen(exchange: ccxt.binance, replica: Replica) -> None:
    control(replica, "symbol", symbol="BTCUSDT", status="HALT", tick=0.1, min_notional=10)
    market = exchange.load_markets(reload=True)["BTC/USDT"]
    assert not market["active"]
    assert market["precision"]["price"] == 0.1
    assert market["limits"]["cost"]["min"] == 10
    halted = exchange.fetch_order_book("BTC/USDT")["nonce"]
    time.sleep(0.5)
    assert exchange.fetch_order_book("BTC/USDT")["nonce"] == halted
    control(replica, "symbol", symbol="BTCUSDT", status="TRADING")
    time.sleep(1)
    assert exchange.fetch_order_book("BTC/USDT")["nonce"] > halted


def test_requests_are_counted_by_path(exchange: ccxt.binance, replica: Replica) -> None:
    exchange.publicGetDepth({"symbol": "BTCUSDT"})
    exchange.publicGetDepth({"symbol": "BTCUSDT"})
    exchange.publicGetTime()
    with urlopen(f"{replica.url}/control/requests", timeout=5) as answer:
        counted = json.load(answer)
    assert counted == {"counts": {"GET /api/v3/depth": 2, "GET /api/v3/time": 1}, "total": 3}


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("trade", {"symbol": "NOSUCH", "side": "buy", "amount": 1}),
        ("trade", {"symbol": "BTCUSDT", "side": "up", "amount": 1}),
        ("trade", {"symbol": "BTCUSDT", "side": "buy"}),
        ("book", {"symbol": "BTCUSDT", "bids": [[1]], "asks": []}),
        ("fault", {"path": "depth", "bogus": 1}),
        ("fault", {"path": "("}),
    ],
)
def test_a_wrong_order_is_refused_with_the_reason(
    replica: Replica, action: str, body: dict[str, object]
) -> None:
    with pytest.raises(HTTPError) as refusal:
        control(replica, action, **body)
    assert refusal.value.code == 400
    assert b'"error": "' in refusal.value.read()


def test_a_frozen_book_cannot_be_moved(replica: Replica) -> None:
    control(replica, "book", symbol="BTCUSDT", **BOOK)
    with pytest.raises(HTTPError) as refusal:
        control(replica, "move", symbol="BTCUSDT", to=105)
    assert b"release it first" in refusal.value.read()
