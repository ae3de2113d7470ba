"""The signed endpoints, driven with the real ccxt client."""

import json
import urllib.error
from typing import Any

import ccxt
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import Time, client, control

PAIR = "BTC/USDT"


@pytest.fixture
def trader(replica: Replica) -> ccxt.binance:
    control(
        replica,
        "book",
        symbol="BTCUSDT",
        bids=[[99_990, 1], [99_000, 5]],
        asks=[[100_000, 0.001], [100_010, 4]],
    )
    # the five minutes' average that some filters use comes down to the frozen book's rates
    for _ in range(4):
        control(replica, "print", symbol="BTCUSDT", side="buy", rate=100_000, amount=50_000)
    return client(replica)


def held(trader: ccxt.binance) -> dict[str, list[float]]:
    balance = trader.fetch_balance()
    return {asset: [balance[asset]["free"], balance[asset]["used"]] for asset in balance["total"]}


def refusal(trader: ccxt.binance, **order: Any) -> dict[str, Any]:
    sent = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.002",
        "price": "90000",
    }
    sent |= order
    with pytest.raises(ccxt.BaseError):
        trader.privatePostOrder({name: value for name, value in sent.items() if value is not None})
    return dict(json.loads(trader.last_http_response))


def test_a_market_buy_walks_the_asks_and_pays_its_fee_in_what_it_gets(trader: ccxt.binance) -> None:
    order = trader.create_order(PAIR, "market", "buy", 0.003)
    assert order["status"] == "closed"
    assert order["cost"] == 100 + 2 * 100.01 * 1
    assert [[t["price"], t["amount"], t["takerOrMaker"]] for t in trader.fetch_my_trades(PAIR)] == [
        [100_000, 0.001, "taker"],
        [100_010, 0.002, "taker"],
    ]
    assert order["fee"] == {"currency": "BTC", "cost": 0.000003}
    assert held(trader) == {"USDT": [199.98, 0], "BTC": [0.002997, 0]}
    assert trader.fetch_order_book(PAIR)["asks"] == [[100_010, 3.998]]


def test_what_the_book_cannot_fill_expires(trader: ccxt.binance, replica: Replica) -> None:
    control(replica, "book", symbol="BTCUSDT", bids=[], asks=[[100_000, 0.001]])
    order = trader.create_order(PAIR, "market", "buy", 0.004)
    assert [order["status"], order["filled"]] == ["expired", 0.001]
    assert held(trader)["USDT"] == [400, 0]


def test_a_resting_buy_locks_money_queues_fills_in_parts_and_keeps_them_when_cancelled(
    trader: ccxt.binance, replica: Replica
) -> None:
    order = trader.create_order(PAIR, "limit", "buy", 0.004, 99_990)
    assert held(trader)["USDT"] == [100.04, 399.96]
    assert trader.fetch_order_book(PAIR)["bids"][0] == [99_990, 1.004]
    control(replica, "trade", symbol="BTCUSDT", side="sell", amount=1)
    assert trader.fetch_order(order["id"], PAIR)["filled"] == 0
    control(replica, "trade", symbol="BTCUSDT", side="sell", amount=0.001)
    partly = trader.fetch_order(order["id"], PAIR)
    assert [partly["status"], partly["filled"], partly["average"]] == ["open", 0.001, 99_990]
    assert [o["id"] for o in trader.fetch_open_orders(PAIR)] == [order["id"]]
    cancelled = trader.cancel_order(order["id"], PAIR)
    assert [cancelled["status"], cancelled["filled"]] == ["canceled", 0.001]
    assert held(trader) == {"USDT": [400.01, 0], "BTC": [0.000999, 0]}
    assert trader.fetch_my_trades(PAIR)[0]["takerOrMaker"] == "maker"
    with pytest.raises(ccxt.OrderNotFound):
        trader.cancel_order(order["id"], PAIR)


@pytest.mark.parametrize(
    ("force", "amount", "status", "filled"),
    [
        ("IOC", 0.003, "expired", 0.001),
        ("FOK", 0.003, "expired", 0),
        ("FOK", 0.001, "closed", 0.001),
        ("GTC", 0.003, "open", 0.001),
    ],
)
def test_time_in_force(trader: ccxt.binance, force: str, amount: float, status: str, filled: float) -> None:
    order = trader.create_order(PAIR, "limit", "buy", amount, 100_005, {"timeInForce": force})
    assert [order["status"], order["filled"]] == [status, filled]
    assert held(trader)["USDT"][1] == (0.002 * 100_005 if status == "open" else 0)


def test_stops_trigger_on_the_last_trade(trader: ccxt.binance, replica: Replica) -> None:
    trader.create_order(PAIR, "market", "buy", 0.004)
    limit = trader.create_order(PAIR, "STOP_LOSS_LIMIT", "sell", 0.001, 99_900, {"stopPrice": 99_950})
    market = trader.create_order(PAIR, "STOP_LOSS", "sell", 0.002, None, {"stopPrice": 99_950})
    assert held(trader)["BTC"] == [0.000996, 0.003]
    control(replica, "trade", symbol="BTCUSDT", side="sell", amount=0.5)
    assert trader.fetch_order(market["id"], PAIR)["status"] == "open"
    control(replica, "trade", symbol="BTCUSDT", side="sell", amount=1)
    filled = trader.fetch_order(market["id"], PAIR)
    assert [filled["status"], filled["average"]] == ["closed", 99_000]
    resting = trader.fetch_order(limit["id"], PAIR)
    assert [resting["status"], resting["filled"]] == ["open", 0]
    assert trader.fetch_order_book(PAIR)["asks"][0] == [99_900, 0.001]


def test_refusals_have_binances_code_and_words(trader: ccxt.binance) -> None:
    for order, code, message in (
        ({"price": "90000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "100"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00005"}, -1013, "Filter failure: NOTIONAL"),
        (
            {"quantity": "130", "type": "MARKET", "price": None, "timeInForce": None},
            -1013,
            "Filter failure: MARKET_LOT_SIZE",
        ),
        ({"quantity": "1"}, -2010, "Account has insufficient balance for requested action."),
        (
            {"side": "SELL", "price": "110000"},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            {"type": "LIMIT_MAKER", "price": "100000", "timeInForce": None},
            -2010,
            "Order would immediately match and take.",
        ),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "90000"}, -2010, "Stop price would trigger immediately."),
        (
            {"timeInForce": None},
            -1102,
            "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
        ),
        ({"type": "MARKET", "price": None}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "GUESS"}, -1116, "Invalid orderType."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
    ):
        assert refusal(trader, **order) == {"code": code, "msg": message}
    assert held(trader)["USDT"] == [500, 0]


def test_a_halted_symbol_takes_no_orders(trader: ccxt.binance, replica: Replica) -> None:
    control(replica, "symbol", symbol="BTCUSDT", status="HALT")
    assert refusal(trader) == {"code": -1013, "msg": "Market is closed."}


def test_at_most_five_stops_wait_on_a_symbol(trader: ccxt.binance, replica: Replica) -> None:
    control(replica, "balance", BTC=1)
    for _ in range(5):
        trader.create_order(PAIR, "STOP_LOSS", "sell", 0.001, None, {"stopPrice": 95_000})
    with pytest.raises(ccxt.BaseError, match="MAX_NUM_ALGO_ORDERS"):
        trader.create_order(PAIR, "STOP_LOSS", "sell", 0.001, None, {"stopPrice": 95_000})
    for order in trader.fetch_open_orders(PAIR):
        trader.cancel_order(order["id"], PAIR)
    assert held(trader)["BTC"] == [1, 0]


def test_trading_with_oneself_expires_the_resting_order(trader: ccxt.binance, replica: Replica) -> None:
    control(replica, "balance", BTC=1)
    resting = trader.create_order(PAIR, "limit", "buy", 0.002, 99_995)
    sold = trader.create_order(PAIR, "market", "sell", 0.002)
    assert sold["average"] == 99_990
    info = trader.privateGetOrder({"symbol": "BTCUSDT", "orderId": resting["id"]})
    assert info["status"] == "EXPIRED_IN_MATCH"


def test_keys_signatures_and_times_are_checked(replica: Replica) -> None:
    cases = [
        ({"secret": "wrong"}, {}, -1022, "Signature for this request is not valid."),
        ({"apiKey": "wrong"}, {}, -2015, "Invalid API-key, IP, or permissions for action."),
        ({}, {"timestamp": 1}, -1021, "Timestamp for this request is outside of the recvWindow."),
    ]
    for settings, params, code, message in cases:
        trader = client(replica, **settings)
        with pytest.raises(ccxt.BaseError):
            trader.privateGetAccount(params)
        assert json.loads(trader.last_http_response) == {"code": code, "msg": message}


def test_a_clock_that_is_ahead_is_refused() -> None:
    clock = Time(1_795_376_100_000)
    with Replica(pairs=[PAIR], clock=clock) as replica:
        trader = client(replica)
        trader.milliseconds = lambda: clock.ms + 900
        trader.privateGetAccount()
        trader.milliseconds = lambda: clock.ms + 1000
        with pytest.raises(ccxt.InvalidNonce, match="1000ms ahead"):
            trader.privateGetAccount()


def test_money_is_neither_made_nor_lost_in_a_lively_market() -> None:
    """Every balance follows from the trades; nothing stays locked once all orders are gone."""
    clock = Time(1_795_376_100_000)
    with Replica(seed=2, pairs=[PAIR], scenario="live", clock=clock) as replica:
        trader = client(replica)
        trader.milliseconds = lambda: clock.ms
        control(replica, "balance", USDT=5000, BTC=0.05)
        for turn in range(25):
            last = trader.fetch_ticker(PAIR)["last"]
            side = "buy" if turn % 2 else "sell"
            away = (turn % 5 - 2) * 0.0002
            trader.create_order(PAIR, "limit", side, 0.001, last * (1 + away))
            clock.ms += 4000
            replica.advance(clock.ms)
        for order in trader.fetch_open_orders(PAIR):
            trader.cancel_order(order["id"], PAIR)
        trades = trader.fetch_my_trades(PAIR)
        assert {trade["takerOrMaker"] for trade in trades} == {"maker", "taker"}
        usdt, btc = 5000.0, 0.05
        for trade in trades:
            sign = 1 if trade["side"] == "buy" else -1
            btc += sign * trade["amount"]
            usdt -= sign * trade["cost"]
            if trade["fee"]["currency"] == "BTC":
                btc -= trade["fee"]["cost"]
            else:
                usdt -= trade["fee"]["cost"]
        assert held(trader)["USDT"] == [pytest.approx(usdt, abs=1e-6), 0]
        assert held(trader)["BTC"] == [pytest.approx(btc, abs=1e-9), 0]


def test_a_taker_expires_at_the_end_of_the_price_range(trader: ccxt.binance, replica: Replica) -> None:
    def query() -> Any:
        return trader.publicGetReferencePrice({"symbol": "BTCUSDT"})

    assert trader.publicGetExecutionRules({"symbol": "BTCUSDT"}) == {
        "symbolRules": [{"symbol": "BTCUSDT", "rules": []}]
    }
    with pytest.raises(ccxt.BaseError, match="-2043"):
        query()
    control(replica, "symbol", symbol="BTCUSDT", price_range={"bidLimitMultUp": "1.01"}, reference=99_010)
    rule = {"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.01"}
    assert trader.publicGetExecutionRules()["symbolRules"][0]["rules"] == [rule]
    assert query()["referencePrice"] == "99010.00000000"
    # up to 100,000.1: the first ask of 0.001 lies within, the next one at 100,010 does not
    for kind, rate in (("market", None), ("limit", 100_020)):
        control(replica, "book", symbol="BTCUSDT", bids=[[99_000, 5]], asks=[[100_000, 0.001], [100_010, 4]])
        order = trader.create_order(PAIR, kind, "buy", 0.002, rate)
        assert [order["status"], order["filled"]] == ["expired", 0.001]
        assert order["info"]["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    assert trader.create_order(PAIR, "limit", "buy", 0.001, 100_000)["status"] == "open"
    control(replica, "symbol", symbol="BTCUSDT", reference=None)
    assert query()["referencePrice"] is None
    assert trader.create_order(PAIR, "market", "buy", 0.001)["status"] == "closed"


def test_a_price_range_without_sense_is_refused(replica: Replica) -> None:
    for multipliers in ({"up": "2"}, {"bidLimitMultUp": "0"}, {"bidLimitMultUp": "NaN"}, [1]):
        with pytest.raises(urllib.error.HTTPError):
            control(replica, "symbol", symbol="BTCUSDT", price_range=multipliers)
