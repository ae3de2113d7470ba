"""Limits by the venue's own names, from markets as ccxt's real parsers read the stubs' listings."""

import ccxt
import pytest

from freqtrade_ext.fills.filters import Candidate, rejection
from freqtrade_ext.paper.limits import limits_of
from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx
from tests.venues.test_stubs import client

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def refused():
    """Return why an order of BTC at 100,000 is refused, by venue and pair."""
    known = {}

    def refused(venue, pair, amount, rate=None):
        if (venue, pair) not in known:
            with venue([pair], futures=":" in pair) as stub:
                api = client(ccxt, stub)
                api.load_markets()
                known[venue, pair] = limits_of(venue.EXCHANGE, api.market(pair))
        order = Candidate("buy", rate is None, amount, rate)
        return rejection(order, known[venue, pair], 100_000.0, lambda: 100_000.0)

    return refused


@pytest.mark.parametrize(
    ("venue", "pair", "amount", "reason"),
    [
        (Bybit, "BTC/USDT", 0.00004, "minOrderAmt: notional 4 < 5"),
        (Bybit, "BTC/USDT", 101, "maxMarketOrderQty: amount 101 > 100"),
        (Bybit, "BTC/USDT", 0.0012345, "basePrecision: amount 0.0012345 is not a multiple of 1e-05"),
        (Bybit, "BTC/USDT:USDT", 120, "maxMktOrderQty: amount 120 > 119"),
        (Bybit, "BTC/USDT:USDT", 0.00004, "minNotionalValue: notional 4 < 5"),
        # in contracts of 0.01
        (Okx, "BTC/USDT:USDT", 12_001, "maxMktSz: amount 12001 > 12000"),
        (Okx, "BTC/USDT:USDT", 0.0005, "minSz: amount 0.0005 < 0.001"),
        (Okx, "BTC/USDT", 11, "maxMktSz: notional 1100000 > 1000000"),
        (Hyperliquid, "BTC/USDC:USDC", 0.00009, "MinTradeNtl: notional 9 < 10"),
    ],
)
def test_a_market_order_is_refused_by_the_venue_s_own_name(refused, venue, pair, amount, reason):
    assert refused(venue, pair, amount) == f"Filter failure: {reason}"


def test_bybit_s_price_band_holds_for_limit_orders(refused):
    assert refused(Bybit, "BTC/USDT", 0.01, 101_900.0) is None
    assert refused(Bybit, "BTC/USDT", 0.01, 102_100.0) == (
        "Filter failure: priceLimitRatio: rate 102100 > 102000"
    )
    # by default Bybit moves the rate of a futures order to the nearest allowed one
    assert refused(Bybit, "BTC/USDT:USDT", 0.01, 120_000.0) is None


@pytest.mark.parametrize(
    ("venue", "pair"), [(Bybit, "BTC/USDT"), (Okx, "BTC/USDT:USDT"), (Hyperliquid, "BTC/USDC")]
)
def test_an_ordinary_order_is_accepted(refused, venue, pair):
    assert refused(venue, pair, 0.02) is None


def market(info, *, spot):
    bounds = {"min": None, "max": None}
    names = ("amount", "price", "cost", "leverage")
    precision = {"amount": 0.001, "price": 0.1}
    return {"info": info, "spot": spot, "limits": {name: bounds for name in names}, "precision": precision}


@pytest.mark.parametrize("spot", [True, False])
def test_limits_that_a_venue_leaves_out_refuse_nothing(spot):
    """0 is none; a listing without them must not end the bot."""
    for exchange_id, info in (("bybit", {"lotSizeFilter": {}}), ("okx", {}), ("hyperliquid", {})):
        found = limits_of(exchange_id, market(info, spot=spot))
        for is_market, amount in ((True, 0.0005), (True, 1e9), (False, 0.0005)):
            order = Candidate("buy", is_market, amount, None if is_market else 100.0)
            assert rejection(order, found, 100.0, lambda: 100.0) is None


def test_bybit_s_limits_are_those_of_spot_or_of_futures():
    lots = {
        "basePrecision": "0.01",
        "qtyStep": "0.02",
        "minOrderAmt": "5",
        "minNotionalValue": "6",
        "maxMarketOrderQty": "7",
        "maxMktOrderQty": "8",
    }
    info = {"lotSizeFilter": lots, "riskParameters": {"priceLimitRatioX": "0.02", "priceLimitRatioY": "0.05"}}
    spot, futures = (limits_of("bybit", market(info, spot=spot)) for spot in (True, False))
    assert (spot["LOT_SIZE"]["stepSize"], futures["LOT_SIZE"]["stepSize"]) == ("0.01", "0.02")
    assert (spot["NOTIONAL"]["minNotional"], futures["NOTIONAL"]["minNotional"]) == ("5", "6")
    assert spot["MARKET_LOT_SIZE"] | {"name": ""} == {"name": "", "minQty": 0, "maxQty": "7", "stepSize": 0}
    assert futures["MARKET_LOT_SIZE"] | {"name": ""} == {
        "name": "",
        "minQty": 0,
        "maxQty": "8",
        "stepSize": 0,
    }
    assert [spot[name]["name"] for name in ("LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL")] == [
        "basePrecision",
        "maxMarketOrderQty",
        "minOrderAmt",
    ]
    assert [futures[name]["name"] for name in ("LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL")] == [
        "lotSizeFilter",
        "maxMktOrderQty",
        "minNotionalValue",
    ]
    assert "PERCENT_PRICE_BY_SIDE" not in futures
    band = spot["PERCENT_PRICE_BY_SIDE"]
    assert (band["bidMultiplierUp"], band["askMultiplierDown"], band["bidMultiplierDown"]) == (1.05, 0.95, 0)
    del info["riskParameters"]["priceLimitRatioX"]
    assert limits_of("bybit", market(info, spot=True))["PERCENT_PRICE_BY_SIDE"] == band
    assert "PERCENT_PRICE_BY_SIDE" not in limits_of("bybit", market({"lotSizeFilter": lots}, spot=True))


def test_okx_s_market_orders_are_limited_in_dollars_on_spot_and_in_contracts_on_futures():
    info = {"maxMktSz": "1000", "lotSz": "0.01"}
    spot, futures = (limits_of("okx", market(info, spot=spot)) for spot in (True, False))
    assert (spot["NOTIONAL"]["maxNotional"], "MARKET_LOT_SIZE" in spot) == ("1000", False)
    assert futures["MARKET_LOT_SIZE"] == {"name": "maxMktSz", "minQty": 0, "maxQty": "1000", "stepSize": 0}
    assert spot["LOT_SIZE"]["stepSize"] == futures["LOT_SIZE"]["stepSize"] == "0.01"
