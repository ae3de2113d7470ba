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
