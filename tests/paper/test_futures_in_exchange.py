"""freqtrade's own exchange object on futures: funding where the exchange fails, its own liquidations."""

import logging
from datetime import UTC, datetime

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.install import install
from freqtrade_ext.replica import Replica
from freqtrade_ext.settings import Settings
from tests.bot_process import ROOT
from tests.fills.scripted_market import total
from tests.replica.talk import control

pytestmark = pytest.mark.timeout(100)
PAIR = "BTC/USDT:USDT"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def replica():
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm") as running:
        yield running


@pytest.fixture
def exchange(replica, tmp_path, caplog):
    caplog.set_level(logging.INFO, "freqtrade_ext.paper.install")
    control(replica, "fault", clear=True)
    control(replica, "book", symbol="BTCUSDT", bids=[[99_990, 5]], asks=[[100_000, 5]])
    files = [str(ROOT / "config.json"), str(ROOT / "user_data" / "binance_futures.json")]
    config = Configuration({"config": files, "user_data_dir": str(tmp_path)}, RunMode.DRY_RUN).get_config()
    config["exchange"] |= replica.overlay(is_futures=True)["exchange"]
    config["exchange"] |= {"enable_ws": False, "pair_whitelist": [PAIR]}
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=True)
    install(exchange, Settings(latency_ms=(0.0, 0.0), feed=False, seed=1))
    exchange.create_order(
        pair=PAIR, ordertype="market", side="buy", amount=0.01, rate=100_000.0, leverage=10.0
    )
    yield exchange
    exchange.close()


def test_fees_are_not_said_to_be_paid_in_coins_of_a_contract(exchange, caplog):
    (said,) = [r.getMessage() for r in caplog.get_records("setup") if "Dry-run orders fill" in r.getMessage()]
    assert said.endswith("fees in the currency of the margin.")


def test_rates_that_cannot_be_had_do_not_keep_an_exit_from_being_placed(replica, exchange, caplog):
    account = exchange.paper._holdings._account
    # as if the position were two hours old
    account.funding._settled_ms[PAIR] -= 2 * 3_600_000
    control(replica, "fault", path="fundingRate", count=20, status=500)
    with caplog.at_level(logging.WARNING):
        assert exchange.get_funding_fees(PAIR, 0.01, False, LONG_AGO) == 0
    assert "the funding due is not known yet" in caplog.text


def test_a_loop_goes_on_where_the_mark_price_cannot_be_had(replica, exchange, caplog):
    control(replica, "fault", path="markPriceKlines", count=20, status=500)
    with caplog.at_level(logging.WARNING):
        exchange.reload_markets()
        exchange.paper._futures._looked_ms.clear()
        exchange.reload_markets()
    # said once, not in each loop
    assert caplog.text.count("Funding and liquidation wait for the exchange") == 1


def test_a_liquidation_is_an_order_that_the_bot_did_not_know(replica, exchange):
    exchange.reload_markets()
    assert exchange.fetch_orders(PAIR, LONG_AGO) == []
    control(replica, "book", symbol="BTCUSDT", bids=[[80_000, 5]], asks=[[80_010, 5]])
    market = replica.exchange
    replica.call(lambda: market.running["BTCUSDT"].perpetual.jump(market.now_ms(), 8_000_000_000_000))
    exchange.paper._futures._looked_ms.clear()
    exchange.reload_markets()
    (order,) = exchange.fetch_orders(PAIR, LONG_AGO)
    assert (order["status"], order["side"], order["filled"]) == ("closed", "sell", 0.01)
    # the margin of 100 is gone, with the fees of entry and exit
    assert total(exchange.paper, "USDT") == pytest.approx(500 - 100 - 0.5, abs=0.01)
    assert exchange.paper.positions() == {}
