"""What OKX and Bybit demand of futures, from their stubs' answers, beside freqtrade's own figure."""

import math

import pytest
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.venue import Venue
from tests.feed.followed import configuration
from tests.venues.bybit import Bybit
from tests.venues.okx import Okx

pytestmark = pytest.mark.timeout(100)
PAIR = "BTC/USDT:USDT"


@pytest.fixture
def stub(request):
    with request.param([PAIR], futures=True) as stub:
        stub.book("BTC", [(100_000, 5)], [(100_001, 5)])
        yield stub


@pytest.fixture
def exchange(stub, tmp_path):
    config = configuration(stub) | {"datadir": tmp_path}
    exchange = ExchangeResolver.load_exchange(config, validate=True, load_leverage_tiers=True)
    yield exchange
    exchange.close()


@pytest.mark.parametrize("stub", [Okx, Bybit], ids=["okx", "bybit"], indirect=True)
@pytest.mark.parametrize("is_short", [False, True])
def test_the_margin_is_used_up_at_freqtrade_s_liquidation_price(stub, exchange, is_short):
    """It came 0.05 % too late: OKX counts the fee of it, and Bybit what was paid at the entry."""
    rules = Venue(exchange).rules(PAIR).margin
    amount, rate, leverage = 0.1, 100_000.0, 10.0
    margin = amount * rate / leverage
    at = exchange.dry_run_liquidation_price(PAIR, rate, is_short, amount, margin, leverage, margin, [])
    profit = amount * (rate - at if is_short else at - rate)
    kept = rules.maintenance(amount, rate if rules.is_of_entry else at)
    assert margin + profit == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize("stub", [Okx], indirect=True)
def test_okx_lets_orders_take_up_to_its_limit_of_the_moment(stub, exchange, monkeypatch):
    venue = Venue(exchange)
    assert venue.execution_range(PAIR, "buy") == (0.0, 102_000)
    assert venue.execution_range(PAIR, "sell") == (98_000, math.inf)
    told = stub._price_limit
    monkeypatch.setattr(stub, "_price_limit", lambda params: [told(params)[0] | {"enabled": False}])
    assert venue.execution_range(PAIR, "buy") == (0.0, math.inf)
