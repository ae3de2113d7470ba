"""
Each filter of Binance at its edges, and every symbol of the recorded exchangeInfo.

Source: https://developers.binance.com/docs/binance-spot-api-docs/filters
"""

import gzip
import json
import math
from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_ext.fills.arrivals import OrderRejected
from freqtrade_ext.fills.filters import Candidate, from_limits, rejection
from tests.fills.scripted_market import Desk, ScriptedMarket, free
from tests.fills.test_engine import desk

LOT = {"LOT_SIZE": {"minQty": "0.00100000", "maxQty": "100.00000000", "stepSize": "0.00100000"}}
MARKET_LOT = LOT | {
    "MARKET_LOT_SIZE": {"minQty": "0.00000000", "maxQty": "5.00000000", "stepSize": "0.00000000"}
}
PRICE = {"PRICE_FILTER": {"minPrice": "0.01000000", "maxPrice": "1000.00000000", "tickSize": "0.01000000"}}
NO_TICK = {"PRICE_FILTER": {"minPrice": "0.00000000", "maxPrice": "0.00000000", "tickSize": "0.00000000"}}
BOTH_SIDES = {"PERCENT_PRICE": {"multiplierUp": "1.3000", "multiplierDown": "0.7000", "avgPriceMins": 5}}
BY_SIDE = {
    "PERCENT_PRICE_BY_SIDE": {
        "bidMultiplierUp": "1.2",
        "bidMultiplierDown": "0.2",
        "askMultiplierUp": "5",
        "askMultiplierDown": "0.8",
        "avgPriceMins": 1,
    }
}
NOTIONAL = {
    "NOTIONAL": {
        "minNotional": "5.00000000",
        "applyMinToMarket": True,
        "maxNotional": "9000.00000000",
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    }
}
NOT_TO_MARKET = {"NOTIONAL": NOTIONAL["NOTIONAL"] | {"applyMinToMarket": False, "applyMaxToMarket": True}}
OLD = {"MIN_NOTIONAL": {"minNotional": "10.00000000", "applyToMarket": True, "avgPriceMins": 5}}
OLD_NOT_TO_MARKET = {
    "MIN_NOTIONAL": {"minNotional": "10.00000000", "applyToMarket": False, "avgPriceMins": 5}
}
COUNTED = {
    "MAX_NUM_ORDERS": {"maxNumOrders": 200},
    "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 5},
    "MAX_POSITION": {"maxPosition": "10.00000000"},
}
FUTURES_COUNTED = {"MAX_NUM_ORDERS": {"limit": 200}}
FUTURES = {"MIN_NOTIONAL": {"notional": "5"}}


def limit(amount, rate, side="buy", stop_rate=None):
    return Candidate(side, False, amount, rate, stop_rate)


def market(amount, side="buy"):
    return Candidate(side, True, amount, None)


@pytest.mark.parametrize(
    ("filters", "order", "reason"),
    [
        # the best opposite rate and the average rate are both 100
        (LOT, limit(0.001, 100.0), None),
        (LOT, limit(0.0009, 100.0), "LOT_SIZE: amount 0.0009 < 0.001"),
        (LOT, limit(100.0, 100.0), None),
        (LOT, limit(100.001, 100.0), "LOT_SIZE: amount 100.001 > 100"),
        (LOT, limit(0.0015, 100.0), "LOT_SIZE: amount 0.0015 is not a multiple of 0.001"),
        (LOT, limit(0.003, 100.0), None),  # 0.003 % 0.001 is not 0 in binary
        (LOT, market(0.0015), "LOT_SIZE: amount 0.0015 is not a multiple of 0.001"),
        (MARKET_LOT, market(5.0), None),
        (MARKET_LOT, market(5.001), "MARKET_LOT_SIZE: amount 5.001 > 5"),
        (MARKET_LOT, limit(5.001, 100.0), None),
        (PRICE, limit(1.0, 100.01), None),
        (PRICE, limit(1.0, 0.29), None),  # 0.29 / 0.01 is 28.999999999999996
        (PRICE, limit(1.0, 100.015), "PRICE_FILTER: rate 100.015 is not a multiple of 0.01"),
        (PRICE, limit(1.0, 0.01), None),
        (PRICE, limit(1.0, 0.009), "PRICE_FILTER: rate 0.009 < 0.01"),
        (PRICE, limit(1.0, 1000.0), None),
        (PRICE, limit(1.0, 1000.01), "PRICE_FILTER: rate 1000.01 > 1000"),
        (PRICE, limit(1.0, 94.05, "sell", 95.001), "PRICE_FILTER: rate 95.001 is not a multiple of 0.01"),
        (PRICE, market(1.0), None),
        (NO_TICK, limit(1.0, 123.456789), None),  # 0 disables a rule
        (BOTH_SIDES, limit(1.0, 130.0), None),
        (BOTH_SIDES, limit(1.0, 130.01), "PERCENT_PRICE: rate 130.01 > 130"),
        (BOTH_SIDES, limit(1.0, 70.0), None),
        (BOTH_SIDES, limit(1.0, 69.99), "PERCENT_PRICE: rate 69.99 < 70"),
        (BY_SIDE, limit(1.0, 120.0), None),
        (BY_SIDE, limit(1.0, 120.01), "PERCENT_PRICE_BY_SIDE: rate 120.01 > 120"),
        (BY_SIDE, limit(1.0, 20.0), None),
        (BY_SIDE, limit(1.0, 19.99), "PERCENT_PRICE_BY_SIDE: rate 19.99 < 20"),
        (BY_SIDE, limit(1.0, 500.0, "sell"), None),
        (BY_SIDE, limit(1.0, 500.01, "sell"), "PERCENT_PRICE_BY_SIDE: rate 500.01 > 500"),
        (BY_SIDE, limit(1.0, 80.0, "sell"), None),
        (BY_SIDE, limit(1.0, 79.99, "sell"), "PERCENT_PRICE_BY_SIDE: rate 79.99 < 80"),
        (NOTIONAL, limit(0.05, 100.0), None),
        (NOTIONAL, limit(0.05, 99.99), "NOTIONAL: notional 4.9995 < 5"),
        (NOTIONAL, limit(90.0, 100.0), None),
        (NOTIONAL, limit(90.0, 100.01), "NOTIONAL: notional 9000.9 > 9000"),
        (NOTIONAL, market(0.05), None),
        (NOTIONAL, market(0.0499), "NOTIONAL: notional 4.99 < 5"),
        (NOTIONAL, market(900.0), None),
        (NOT_TO_MARKET, market(0.0001), None),
        (NOT_TO_MARKET, market(90.01), "NOTIONAL: notional 9001 > 9000"),
        (OLD, limit(0.1, 100.0), None),
        (OLD, limit(0.1, 99.0), "MIN_NOTIONAL: notional 9.9 < 10"),
        (OLD, market(0.099), "MIN_NOTIONAL: notional 9.9 < 10"),
        (OLD_NOT_TO_MARKET, market(0.001), None),
        (FUTURES, market(0.05), None),
        (FUTURES, market(0.0499), "MIN_NOTIONAL: notional 4.99 < 5"),
        (FUTURES, replace(market(0.0001), reduce_only=True), None),
        (COUNTED, replace(limit(1.0, 100.0), open_orders=199), None),
        (COUNTED, replace(limit(1.0, 100.0), open_orders=200), "MAX_NUM_ORDERS: open orders 201 > 200"),
        (FUTURES_COUNTED, replace(market(1.0), open_orders=200), "MAX_NUM_ORDERS: open orders 201 > 200"),
        (COUNTED, replace(limit(1.0, 94.0, "sell", 95.0), open_stops=4), None),
        (
            COUNTED,
            replace(limit(1.0, 94.0, "sell", 95.0), open_stops=5),
            "MAX_NUM_ALGO_ORDERS: open orders 6 > 5",
        ),
        (COUNTED, replace(limit(1.0, 94.0, "sell"), open_stops=5), None),
        (COUNTED, replace(market(4.0), position=6.0), None),
        (COUNTED, replace(market(4.1), position=6.0), "MAX_POSITION: position 10.1 > 10"),
        (COUNTED, replace(market(4.1, "sell"), position=16.0), None),
        ({}, market(1e-9), None),
        ({"ICEBERG_PARTS": {"limit": 10}, "TRAILING_DELTA": {}}, limit(1.0, 1.0), None),
    ],
)
def test_each_filter_at_its_edges(filters, order, reason):
    expected = None if reason is None else "Filter failure: " + reason
    assert rejection(order, filters, 100.0, lambda: 100.0) == expected


def test_an_average_rate_far_from_the_best_moves_the_band():
    """Half of the band around the best rate was held to be surely inside the band around the average."""
    narrow = {"PERCENT_PRICE": {"multiplierUp": "1.05", "multiplierDown": "0.95", "avgPriceMins": 5}}
    assert rejection(limit(1.0, 97.6, "sell"), narrow, 100.0, lambda: 103.5) == (
        "Filter failure: PERCENT_PRICE: rate 97.6 < 98.325"
    )
    assert rejection(limit(1.0, 103.0), narrow, 100.0, lambda: 97.0) == (
        "Filter failure: PERCENT_PRICE: rate 103 > 101.85"
    )


def test_a_market_order_twice_the_minimum_by_the_best_rate_is_still_measured_by_the_average():
    assert rejection(market(0.08), NOTIONAL, 100.0, lambda: 60.0) == (
        "Filter failure: NOTIONAL: notional 4.8 < 5"
    )


def test_market_orders_are_measured_by_the_average_rate_where_the_best_leaves_doubt():
    assert rejection(market(0.055), NOTIONAL, 100.0, lambda: 90.0) == (
        "Filter failure: NOTIONAL: notional 4.95 < 5"
    )
    assert rejection(market(0.045), NOTIONAL, 100.0, lambda: 120.0) is None


def test_the_average_rate_is_asked_for_only_in_doubt():
    def fails():
        raise AssertionError("asked")

    assert rejection(market(1.0), NOTIONAL, 100.0, fails) is None
    wide = {"PERCENT_PRICE": {"multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 5}}
    for rate in (80.0, 125.0):
        assert rejection(limit(1.0, rate), wide | PRICE | LOT, 100.0, fails) is None
    for rate in (79.0, 126.0):
        with pytest.raises(AssertionError, match="asked"):
            rejection(limit(1.0, rate), wide, 100.0, fails)


def test_ccxt_limits_serve_where_an_exchange_lists_no_filters():
    limits = {"amount": {"min": 0.1, "max": None}, "cost": {"min": 5.0, "max": None}, "price": {}}
    filters = from_limits({"limits": limits})
    assert (
        rejection(market(0.05), filters, 100.0, lambda: 100.0)
        == "Filter failure: LOT_SIZE: amount 0.05 < 0.1"
    )
    assert rejection(limit(0.1, 40.0), filters, 100.0, lambda: 100.0) == (
        "Filter failure: NOTIONAL: notional 4 < 5"
    )
    assert rejection(limit(0.1, 50.0), filters, 100.0, lambda: 100.0) is None
    assert rejection(limit(1e9, 1e9), from_limits({"limits": None}), 100.0, lambda: 100.0) is None


def test_the_engine_rejects_and_nothing_is_left_of_the_order():
    d = desk(bids=[(99.99, 9.0)], asks=[(100.01, 9.0)], start={"USDT": 500.0})
    d.market.filters = NOTIONAL
    with pytest.raises(OrderRejected, match=r"^Filter failure: NOTIONAL: notional 4 < 5$"):
        d.order("buy", 0.04)
    assert (free(d.engine, "USDT"), d.engine.open_orders(), d.engine.find("order1")) == (500, [], None)


def test_the_engine_counts_its_open_orders_stops_and_coins():
    d = desk(bids=[(99.0, 9.0)], asks=[(101.0, 9.0)], start={"USDT": 5000.0, "BTC": 2.0})
    d.market.trade("sell", 100.0, 1.0)
    d.market.filters = {
        "MAX_NUM_ORDERS": {"maxNumOrders": 3},
        "MAX_NUM_ALGO_ORDERS": {"maxNumAlgoOrders": 1},
        "MAX_POSITION": {"maxPosition": "5"},
    }
    d.order("buy", 2.0, limit=98.0)
    d.order("sell", 0.5, limit=94.0, stop_rate=95.0)
    with pytest.raises(OrderRejected, match=r"MAX_NUM_ALGO_ORDERS: open orders 2 > 1"):
        d.order("sell", 0.5, limit=94.0, stop_rate=95.0)
    with pytest.raises(OrderRejected, match=r"MAX_POSITION: position 5\.1 > 5"):
        d.order("buy", 1.1, limit=98.0)
    d.order("buy", 1.0, limit=98.0)
    with pytest.raises(OrderRejected, match=r"MAX_NUM_ORDERS: open orders 4 > 3"):
        d.order("sell", 0.1, limit=110.0)


@pytest.mark.parametrize(
    ("side", "levels", "limit", "filled", "average"),
    [
        ("buy", [(100.0, 1.0), (110.0, 1.0), (110.1, 5.0)], None, 2.0, 105.0),
        ("buy", [(100.0, 1.0), (111.0, 5.0)], 120.0, 1.0, 100.0),  # nothing of it rests
        ("buy", [(89.0, 5.0)], None, 0.0, None),
        ("sell", [(100.0, 1.0), (89.9, 5.0)], None, 1.0, 100.0),
    ],
)
def test_what_lies_outside_the_exchange_s_price_range_is_not_taken_and_the_rest_expires(
    side, levels, limit, filled, average
):
    far = [(50.0, 9.0)] if side == "buy" else [(150.0, 9.0)]
    d = desk(*((far, levels) if side == "buy" else (levels, far)))
    d.market.range = (90.0, 110.0)
    order = d.order(side, 3.0, limit)
    assert (order.filled, order.average, order.status) == (filled, average, "expired")
    assert "EXECUTION_RULE_PRICE_RANGE_EXCEEDED" in order.reason
    assert d.engine.open_orders() == []


def test_seven_contracts_of_a_hundredth_are_a_whole_number_of_contracts():
    d = Desk(ScriptedMarket([(99.0, 9.0)], [(100.0, 9.0)]), start={"USDT": 500.0})
    d.market.contract_size = 0.01
    d.market.filters = {"LOT_SIZE": {"minQty": 1, "maxQty": 7, "stepSize": 1}}
    assert d.order("buy", 0.07).status == "closed"
    with pytest.raises(OrderRejected, match=r"LOT_SIZE: amount 8 > 7"):
        d.order("buy", 0.08)


@pytest.mark.parametrize("date", ["20240908", "20211012", "20210814"])
def test_every_symbol_of_binance_accepts_its_edges_and_names_what_is_beyond_them(shared_data, date):
    path = shared_data / "exchange_info" / f"binance_spot_exchangeInfo_{date}.json.gz"
    symbols = json.loads(gzip.decompress(path.read_bytes()))["symbols"]
    assert len(symbols) > 1000
    for symbol in symbols:
        filters = {f["filterType"]: f for f in symbol["filters"]}
        _check_symbol(filters)


def _check_symbol(filters):
    lot, price = filters["LOT_SIZE"], filters["PRICE_FILTER"]
    step, tick = Decimal(lot["stepSize"]), Decimal(price["tickSize"])
    rule = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
    smallest = Decimal(rule["minNotional"])
    # the smallest amount that costs enough, at a rate that is allowed
    cheap = smallest / Decimal(lot["maxQty"]) * 2
    rate = max(tick * 1000, Decimal(price["minPrice"]), math.ceil(cheap / tick) * tick)
    rate = min(rate, Decimal(price["maxPrice"]))
    steps = max(math.ceil(smallest / (rate * step)), Decimal(lot["minQty"]) / step)
    amount = steps * step

    def check(amount, rate):
        return rejection(limit(float(amount), float(rate)), filters, float(rate), lambda: float(rate))

    assert check(amount, rate) is None, filters
    assert "LOT_SIZE: " in check(Decimal(lot["minQty"]) - step, rate)
    assert "LOT_SIZE: " in check(Decimal(lot["maxQty"]) + step, rate)
    assert "LOT_SIZE: " in check(amount + step / 2, rate)
    assert "PRICE_FILTER: " in check(amount, rate + tick / 2)
    if amount - step >= Decimal(lot["minQty"]) and (amount - step) * rate < smallest:
        assert "NOTIONAL: " in check(amount - step, rate)
