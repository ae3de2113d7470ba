"""The rates between which an order may take, of a ccxt client that answers from a list."""

import math
from types import SimpleNamespace

import ccxt
import pytest

from freqtrade_ext.paper.execution_rules import ExecutionRules

RULE = {"ruleType": "PRICE_RANGE", "bidLimitMultUp": "1.05", "askLimitMultDown": "0.9"}
EVERY = (0.0, math.inf)


class Client:
    """ccxt's, which counts requests; an answer that is an error is raised."""

    def __init__(self, **answers):
        self.answers, self.requests = answers, []
        for name in answers:
            setattr(self, name, lambda params, name=name: self._answer(name, params))

    def _answer(self, name, params):
        self.requests.append((name, params))
        if isinstance(self.answers[name], Exception):
            raise self.answers[name]
        return self.answers[name]

    def market_id(self, pair):
        return pair.replace("/", "")


def rules(client, name="binance"):
    return ExecutionRules(SimpleNamespace(id=name, name=name, _api=client))


def binance(rule, reference):
    return Client(
        public_get_executionrules={"symbolRules": [{"rules": [{"ruleType": "OTHER"}, *rule]}]},
        public_get_referenceprice=reference,
    )


@pytest.mark.parametrize(
    ("rule", "buy", "sell"),
    [
        ([RULE], (0.0, 105.0), (90.0, math.inf)),
        ([RULE | {"bidLimitMultDown": "0.8", "askLimitMultUp": "1.2"}], (80.0, 105.0), (90.0, 120.0)),
        ([], EVERY, EVERY),
    ],
)
def test_binance_s_range_lies_about_its_reference_price(rule, buy, sell):
    asked = rules(binance(rule, {"referencePrice": "100.00"}))
    assert asked.range("BTC/USDT", "buy") == pytest.approx(buy)
    assert asked.range("BTC/USDT", "sell") == pytest.approx(sell)


def test_rules_are_asked_for_once_and_the_reference_price_each_time():
    client = binance([RULE], {"referencePrice": "100.00"})
    asked = rules(client)
    for _ in range(2):
        asked.range("BTC/USDT", "buy")
    assert client.requests == [
        ("public_get_executionrules", {"symbol": "BTCUSDT"}),
        *[("public_get_referenceprice", {"symbol": "BTCUSDT"})] * 2,
    ]


@pytest.mark.parametrize(
    ("answer", "requests"), [({}, 1), ({"referencePrice": None}, 2), (ccxt.BadSymbol(), 1)]
)
def test_a_pair_without_a_reference_price_is_asked_about_once_and_one_that_has_none_now_again(
    answer, requests
):
    client = binance([RULE], answer)
    asked = rules(client)
    assert [asked.reference_rate("BTC/USDT") for _ in range(2)] == [None, None]
    assert len(client.requests) == requests
    assert asked.range("BTC/USDT", "buy") == EVERY


def test_a_pair_without_a_rule_needs_no_reference_price():
    client = binance([], {"referencePrice": "100.00"})
    assert rules(client).range("BTC/USDT", "buy") == EVERY
    assert [name for name, _ in client.requests] == ["public_get_executionrules"]


@pytest.mark.parametrize(
    ("row", "buy", "sell"),
    [
        ([{"buyLmt": "102", "sellLmt": "98"}], (0.0, 102.0), (98.0, math.inf)),
        ([{"buyLmt": "102", "sellLmt": "98", "enabled": True}], (0.0, 102.0), (98.0, math.inf)),
        ([{"buyLmt": "102", "sellLmt": "98", "enabled": False}], EVERY, EVERY),
        ([{"buyLmt": "102", "sellLmt": "98", "enabled": "false"}], EVERY, EVERY),
        ([{"buyLmt": "", "sellLmt": ""}], EVERY, EVERY),
        ([], EVERY, EVERY),
    ],
)
def test_okx_s_limit_of_the_moment_holds_on_the_side_that_would_be_filled(row, buy, sell):
    client = Client(public_get_public_price_limit={"data": row})
    asked = rules(client, "okx")
    assert (asked.range("BTC/USDT", "buy"), asked.range("BTC/USDT", "sell")) == (buy, sell)
    assert client.requests[0] == ("public_get_public_price_limit", {"instId": "BTCUSDT"})
    assert rules(Client(), "okx").range("BTC/USDT", "buy") == EVERY, "an old ccxt cannot ask"
