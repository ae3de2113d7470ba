"""Whatever is asked of the embedded exchange, it answers as Binance does, and goes on."""

import hmac
import http.client
import json
import time
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_ext.replica import Replica
from freqtrade_ext.replica.private import API_KEY, API_SECRET
from freqtrade_ext.replica.rest import PUBLIC
from tests.fuzz.hostile import json_values, numbers, numerals, texts

SYMBOL = st.one_of(st.just("BTCUSDT"), st.text(max_size=8), st.just("<script>alert(1)</script>"))
PARAMETERS = {
    "symbol": SYMBOL,
    "symbols": st.one_of(st.just('["BTCUSDT"]'), numerals, json_values.map(json.dumps)),
    "interval": st.one_of(st.sampled_from(["1m", "5m", "1h", "1w", "1M"]), numerals),
    **dict.fromkeys(("limit", "startTime", "endTime", "fromId", "timestamp", "recvWindow"), numerals),
    "type": st.one_of(st.sampled_from(["FULL", "MINI"]), numerals),
    "signature": numerals,
}
queries = st.fixed_dictionaries({}, optional=PARAMETERS)
likely = queries.map(lambda query: {"symbol": "BTCUSDT", "interval": "1m"} | query)
sane = st.sampled_from(["0.001", "0.01", "104000", "99000.5", "1", "50"])
CONTROLS = ("move", "book", "release", "trade", "print", "symbol", "balance", "fault")
sided = st.lists(st.lists(st.one_of(numbers, numerals), min_size=2, max_size=2), max_size=3)
BODIES = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"symbol": st.just("BTCUSDT")},
        optional={
            "to": numbers,
            "seconds": numbers,
            "bids": sided,
            "asks": sided,
            "side": st.sampled_from(["buy", "sell", "up"]),
            "amount": numbers,
            "rate": numbers,
            "limit": numbers,
            "tick": numbers,
            "step": numbers,
            "min_notional": numbers,
        },
    ),
)
SLOW = settings(suppress_health_check=list(HealthCheck), deadline=None)


@pytest.fixture(scope="module")
def port():
    with Replica(seed=3, pairs=["BTC/USDT"], scenario="calm") as replica:
        yield replica.port


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@SLOW
@given(path=st.sampled_from(sorted(PUBLIC)), query=st.one_of(queries, likely))
def test_a_public_question_gets_data_or_one_of_binances_codes(port, path, query):
    status, body = ask(port, "GET", f"/api/v3/{path}?{urlencode(query)}")
    assert status in (200, 400, 429), (status, body)
    if status == 400:
        assert json.loads(body)["code"] < 0


SIGNED = ("account", "order", "openOrders", "allOrders", "myTrades")
methods = st.sampled_from(["GET", "POST", "DELETE"])


@SLOW
@given(method=methods, path=st.sampled_from(SIGNED), query=likely, body=st.binary(max_size=30))
def test_a_signed_question_with_a_wrong_signature_is_refused(port, method, path, query, body):
    status, answer = ask(
        port, method, f"/api/v3/{path}?{urlencode(query)}", body, **{"X-MBX-APIKEY": API_KEY}
    )
    assert status in (400, 401, 404, 405, 429), (status, answer)


order_values = {
    "side": st.sampled_from(["BUY", "SELL", "buy"]),
    "type": st.one_of(st.sampled_from(["LIMIT", "MARKET", "STOP_LOSS_LIMIT", "LIMIT_MAKER"]), texts),
    "timeInForce": st.one_of(st.sampled_from(["GTC", "IOC", "FOK"]), texts),
    **dict.fromkeys(("quantity", "price", "stopPrice"), st.one_of(sane, numerals)),
    **dict.fromkeys(("newClientOrderId", "origClientOrderId", "newOrderRespType"), texts),
    **dict.fromkeys(("orderId", "fromId", "startTime", "endTime", "limit"), numerals),
}
likely_orders = st.fixed_dictionaries({}, optional=order_values).map(
    lambda query: {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"} | query
)


@SLOW
@given(method=methods, path=st.sampled_from(SIGNED), query=likely_orders)
def test_a_signed_order_is_answered_or_refused_with_one_of_binances_codes(port, method, path, query):
    text = urlencode({**query, "timestamp": int(time.time() * 1000)})
    signature = hmac.new(API_SECRET.encode(), text.encode(), "sha256").hexdigest()
    path = f"/api/v3/{path}?{text}&signature={signature}"
    status, answer = ask(port, method, path, **{"X-MBX-APIKEY": API_KEY})
    assert status in (200, 400, 404, 405, 429), (status, answer)
    if status == 400:
        assert json.loads(answer)["code"] < 0


@SLOW
@given(action=st.sampled_from(CONTROLS), body=BODIES)
def test_a_hostile_command_is_done_or_refused_and_the_market_lives(port, action, body):
    if action == "fault":
        body = {"clear": True}
    status, answer = ask(port, "POST", f"/control/{action}", json.dumps(body).encode())
    assert status in (200, 400), (status, answer)
    status, answer = ask(port, "GET", "/api/v3/depth?symbol=BTCUSDT")
    assert status in (200, 429), (status, answer)
