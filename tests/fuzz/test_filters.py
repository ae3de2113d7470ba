"""Whatever the exchange says its filters are, an order is accepted, or refused by a filter's name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.filters import Candidate, from_limits, rejection
from tests.fuzz.hostile import json_values, numbers, numerals

values = st.one_of(st.sampled_from(["0", "0.01", "100", 5, None]), numerals, numbers, json_values)
FIELDS = {
    "LOT_SIZE": ("minQty", "maxQty", "stepSize"),
    "MARKET_LOT_SIZE": ("minQty", "maxQty", "stepSize"),
    "PRICE_FILTER": ("minPrice", "maxPrice", "tickSize"),
    "PERCENT_PRICE": ("multiplierUp", "multiplierDown"),
    "PERCENT_PRICE_BY_SIDE": ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown"),
    "NOTIONAL": ("minNotional", "maxNotional", "applyMinToMarket", "applyMaxToMarket"),
    "MIN_NOTIONAL": ("minNotional", "applyToMarket"),
    "MAX_NUM_ORDERS": ("maxNumOrders", "limit"),
    "MAX_NUM_ALGO_ORDERS": ("maxNumAlgoOrders", "limit"),
    "MAX_POSITION": ("maxPosition",),
}
filters = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries({}, optional=dict.fromkeys(known, values))
        for name, known in FIELDS.items()
    },
)
limit = st.fixed_dictionaries({}, optional=dict.fromkeys(("min", "max"), st.none() | numbers | numerals))
market_limits = st.none() | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("amount", "cost", "price"), limit)
)
candidates = st.builds(
    Candidate,
    side=st.sampled_from(["buy", "sell"]),
    is_market=st.booleans(),
    amount=st.floats(1e-8, 1e8),
    rate=st.none() | st.floats(1e-8, 1e8),
    stop_rate=st.none() | st.floats(1e-8, 1e8),
    position=st.floats(-1e8, 1e8),
)


@given(order=candidates, rules=filters)
def test_a_hostile_filter_accepts_or_refuses(order, rules):
    refused = rejection(order, rules, 100.0, lambda: 100.0)
    assert refused is None or refused.startswith("Filter failure: ")


@given(order=candidates, limits=market_limits)
def test_hostile_limits_of_a_market_accept_or_refuse(order, limits):
    refused = rejection(order, from_limits({"limits": limits}), 100.0, lambda: 100.0)
    assert refused is None or refused.startswith("Filter failure: ")


@pytest.mark.parametrize("rate", [math.nan, math.inf])
def test_no_order_at_a_rate_that_is_no_number(rate):
    order = Candidate(side="buy", is_market=False, amount=1.0, rate=rate)
    rules = {"PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.01"}}
    assert rejection(order, rules, 100.0, lambda: 100.0)
