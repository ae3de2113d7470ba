"""Answers that make no sense, to an exchange instance that freqtrade makes itself."""

import json
import math
import re
from urllib.request import Request, urlopen

import ccxt
import pytest
from freqtrade.exceptions import InvalidOrderException, TemporaryError
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.install import install
from freqtrade_ext.paper.venue import Venue
from freqtrade_ext.replica import Replica
from freqtrade_ext.settings import Settings
from tests.soak.troubles import direct


@pytest.fixture(scope="module")
def replica():
    with Replica(seed=1, pairs=["BTC/USDT"], scenario="calm", activity=0.05) as replica:
        yield replica


@pytest.fixture
def exchange(replica):
    config = {
        "dry_run": True,
        "dry_run_wallet": 500,
        "stake_currency": "USDT",
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": "spot",
        "runmode": "dry_run",
        "exchange": replica.overlay()["exchange"]
        | {"key": "", "secret": "", "pair_whitelist": ["BTC/USDT"], "enable_ws": False},
    }
    exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=False)
    exchange.reload_markets(force=True)
    yield exchange
    exchange.close()


def answer_with(replica, body, path="exchangeInfo"):
    fault = {"path": f"/api/v3/{path}", "count": 20, "body": body}
    with urlopen(Request(f"{replica.url}/control/fault", json.dumps(fault).encode()), timeout=10):
        pass


@pytest.fixture(autouse=True)
def _no_fault_left(replica):
    yield
    with urlopen(Request(f"{replica.url}/control/fault", b'{"clear": true}'), timeout=10):
        pass


def test_stock_freqtrade_forgets_its_markets_over_an_empty_answer(replica, exchange):
    answer_with(replica, "{}")
    exchange.reload_markets(force=True)
    assert not exchange._markets


def test_empty_exchange_info_does_not_stop_the_bot(replica, exchange):
    install(exchange, Settings(feed=False))
    answer_with(replica, "{}")
    exchange.reload_markets(force=True)
    assert "BTC/USDT" in exchange.markets
    assert "BTC/USDT" in exchange._api_async.markets
    assert exchange.get_min_pair_stake_amount("BTC/USDT", 100_000.0, -0.1) > 0


@pytest.mark.parametrize("body", ["{}", "[]", "<html>502</html>", '{"price": "none"}'])
def test_garbage_for_the_average_rate_keeps_no_small_stop_from_being_sent(replica, exchange, body):
    answer_with(replica, body, "avgPrice")
    venue = Venue(exchange)
    assert venue.average_rate("BTC/USDT") == venue.prints("BTC/USDT", None)[0][-1].rate


RULE = '{"symbolRules": [{"symbol": "BTCUSDT", "rules": [%s]}]}'
RANGE = '{"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.05", "askLimitMultDown": "0.9"}'


knows_rules = pytest.mark.skipif(
    not hasattr(ccxt.binance, "public_get_executionrules"), reason="this ccxt cannot ask for execution rules"
)


@knows_rules
@pytest.mark.parametrize(
    ("rules", "reference", "buy", "sell"),
    [
        (RULE % RANGE, '{"referencePrice": "100.00"}', (0, 105), (90, math.inf)),
        (RULE % RANGE, '{"referencePrice": null}', (0, math.inf), (0, math.inf)),
        (RULE % RANGE, "{}", (0, math.inf), (0, math.inf)),
        (RULE % "", '{"referencePrice": "100.00"}', (0, math.inf), (0, math.inf)),
        ('{"symbolRules": []}', '{"referencePrice": "100.00"}', (0, math.inf), (0, math.inf)),
    ],
)
def test_price_range_and_reference_price_are_what_binance_says(
    replica, exchange, rules, reference, buy, sell
):
    answer_with(replica, rules, "executionRules")
    answer_with(replica, reference, "referencePrice")
    venue = Venue(exchange)
    assert venue.execution_range("BTC/USDT", "buy") == pytest.approx(buy)
    assert venue.execution_range("BTC/USDT", "sell") == pytest.approx(sell)
    is_measured_by_it = "100.00" in reference
    assert (venue.average_rate("BTC/USDT") == 100.0) is is_measured_by_it


def test_an_exchange_that_knows_no_execution_rules_has_none(exchange):
    venue = Venue(exchange)
    assert venue.execution_range("BTC/USDT", "buy") == (0.0, math.inf)
    assert venue.average_rate("BTC/USDT") > 1000


@knows_rules
def test_execution_rules_that_could_not_be_had_once_are_asked_for_again(replica, exchange):
    """A failing answer was taken for "no rule", and "no reference price", for an hour."""
    fault = {"path": "/api/v3/(executionRules|referencePrice)", "count": 2, "status": 503}
    direct(replica.url, "fault", **fault)
    venue = Venue(exchange)
    assert venue.execution_range("BTC/USDT", "buy") == (0.0, math.inf)
    assert venue.average_rate("BTC/USDT") > 1000
    answer_with(replica, RULE % RANGE, "executionRules")
    answer_with(replica, '{"referencePrice": "100.00"}', "referencePrice")
    assert venue.execution_range("BTC/USDT", "buy") == pytest.approx((0, 105))
    assert venue.average_rate("BTC/USDT") == 100.0


@knows_rules
@pytest.mark.parametrize("body", ["[]", '{"symbolRules": [7]}', RULE % '{"x": 1}', RULE % "null"])
def test_garbage_for_execution_rules_keeps_no_stop_from_being_sent(replica, exchange, body):
    answer_with(replica, body, "executionRules")
    assert Venue(exchange).execution_range("BTC/USDT", "buy") == (0.0, math.inf)


BAD_TRADE = '[{{"a": 1, "p": "{}", "q": "{}", "T": 1795572306003, "m": true}}]'


BAD_TRADES = [BAD_TRADE.format(*bad) for bad in (("NaN", 1), (0, 1), (1, -1), (1, ""))]


@pytest.mark.parametrize("body", ["[{}]", "[null]", "7", '"x"', *BAD_TRADES])
def test_garbage_for_trades_does_not_end_the_bot(replica, exchange, body):
    answer_with(replica, body, "aggTrades")
    with pytest.raises(TemporaryError):
        Venue(exchange).prints("BTC/USDT", None)


def test_a_trade_stamped_in_the_future_hides_no_others(replica, exchange):
    """Stops and resting orders were blind for an hour after one that was an hour ahead."""
    venue = Venue(exchange)
    _, before = venue.prints("BTC/USDT", None)
    ahead_ms = before.time_ms + 3_600_000
    row = {"a": 10**12, "p": "104870", "q": "1", "f": 1, "l": 1, "T": ahead_ms, "m": True, "M": True}
    answer_with(replica, json.dumps([row]), "aggTrades")
    found, cursor = venue.prints("BTC/USDT", before)
    assert [found[-1].time_ms, cursor.time_ms] == [ahead_ms, ahead_ms]
    direct(replica.url, "fault", clear=True)
    _, cursor = venue.prints("BTC/USDT", cursor)
    direct(replica.url, "trade", symbol="BTCUSDT", side="sell", amount=0.01)
    found, _ = venue.prints("BTC/USDT", cursor)
    assert sum(trade.amount for trade in found) > 0.0099


def test_a_tick_and_a_lot_of_0_are_none(replica, exchange):
    """ccxt's AssertionError ended the bot where freqtrade rounded an amount to them."""
    install(exchange, Settings(feed=False))
    with urlopen(f"{replica.url}/api/v3/exchangeInfo", timeout=10) as answer:
        body = answer.read().decode()
    zero = re.sub('"(tickSize|stepSize|minQty)": ?"[0-9.]+"', r'"\1":"0.00000000"', body)
    answer_with(replica, zero)
    exchange.reload_markets(force=True)
    assert exchange.amount_to_contract_precision("BTC/USDT", 0.123456789) == 0.123456789
    assert exchange.price_to_precision("BTC/USDT", 104_870.123) == 104_870.123


@pytest.mark.parametrize("levels", ['[["x", "y"]]', '[["1"]]', "[null]", "7", '[["1", "NaN"]]'])
def test_garbage_among_the_levels_of_a_book_does_not_end_the_bot(replica, exchange, levels):
    install(exchange, Settings(feed=False))
    answer_with(replica, f'{{"lastUpdateId": 7, "bids": {levels}, "asks": []}}', "depth")
    for ask in (exchange.fetch_l2_order_book, exchange.paper._market.book):
        with pytest.raises(TemporaryError, match=r"order.book"):
            ask("BTC/USDT", 20)


@pytest.mark.parametrize("body", ["[null]", "null", '{"code": "x"}'])
def test_garbage_for_tickers_keeps_no_stop_from_being_sent(replica, exchange, body):
    """Where fees are paid in BNB, every order was refused for want of its rate."""
    answer_with(replica, body, "ticker/24hr")
    assert Venue(exchange).bnb_rate("USDT") is None


def test_no_fee_is_paid_in_bnb_at_a_rate_that_is_none(exchange, monkeypatch):
    for rate in (float("nan"), float("inf"), -5.0, 0.0):
        monkeypatch.setattr(exchange, "get_conversion_rate", lambda *coins, rate=rate: rate)
        assert Venue(exchange).bnb_rate("USDT") is None


def test_a_pair_that_is_no_longer_listed_is_an_error_of_the_exchange(exchange):
    """A KeyError or one of ccxt's own errors would end freqtrade's loop."""
    venue = Venue(exchange)
    for ask in (venue.rules, venue.average_rate, lambda pair: venue.prints(pair, None)):
        with pytest.raises(TemporaryError):
            ask("GONE/USDT")
    with pytest.raises(TemporaryError):
        venue.book("GONE/USDT", 20)


@pytest.mark.parametrize("filters", [[{"limit": 10}], [None], ["LOT_SIZE"], 7])
def test_filters_that_are_none_are_an_error_of_the_exchange(exchange, filters):
    exchange.markets["BTC/USDT"]["info"]["filters"] = filters
    with pytest.raises(TemporaryError, match="filters of BTC/USDT cannot be read"):
        Venue(exchange).rules("BTC/USDT")


def test_a_rate_with_more_digits_than_ccxt_rounds_is_refused_and_does_not_end_the_bot(exchange):
    install(exchange, Settings(feed=False))
    with pytest.raises(InvalidOrderException, match="no order of BTC/USDT at 1e"):
        exchange.create_order(
            pair="BTC/USDT", ordertype="market", side="sell", amount=0.001, rate=1e308, leverage=1.0
        )
