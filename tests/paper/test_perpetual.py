"""Fundings, mark prices and margin rules, of a ccxt client that answers from a list."""

import math
from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode

from freqtrade_ext.fills.funding import FundingRate
from freqtrade_ext.fills.margin import MarkCandle, Tier
from freqtrade_ext.paper.perpetual import MINUTE_MS, fundings, margin_rules, marks

PAIR = "BTC/USDT:USDT"
HOUR_MS = 60 * MINUTE_MS
START_MS = 480_000 * HOUR_MS


class Client:
    """ccxt's: minutes of a mark price that is the minute's number, at most `page` of them in an answer."""

    def __init__(self, rates=(), minutes=0, page=200, now_ms=0):
        self.rates, self.minutes, self.page, self.now_ms = rates, minutes, page, now_ms
        self.requests = []

    def fetch_funding_rate_history(self, pair, since):
        self.requests.append(("rates", since))
        return [{"timestamp": ms, "fundingRate": rate, "info": info} for ms, rate, info in self.rates]

    def fetch_mark_ohlcv(self, pair, timeframe, since, limit, kind="marks"):
        self.requests.append((kind, since))
        step = {"1m": MINUTE_MS, "1h": HOUR_MS}[timeframe]
        numbers = [n for n in range(self.minutes) if START_MS + n * step >= since][: min(self.page, limit)]
        return [[START_MS + n * step, 1000.0 + n, 4000.0 + n, 500.0 + n, 2000.0 + n, 7.0] for n in numbers]

    def fetch_ohlcv(self, *args):
        return self.fetch_mark_ohlcv(*args, kind="trades")

    def fetch_funding_rates(self, pairs):
        return {pair: {"markPrice": 3000.0} for pair in pairs}

    def milliseconds(self):
        return self.now_ms


def exchange(client, name="binance"):
    return SimpleNamespace(id=name, name=name, trading_mode=TradingMode.FUTURES, _api=client)


def test_fundings_after_a_time_are_told_oldest_first_with_the_mark_price_they_name():
    told = [(START_MS + hours * HOUR_MS, hours / 1e4, {"markPrice": f"{hours}.5"}) for hours in (16, 8, 0)]
    client = Client(told)
    assert fundings(exchange(client), PAIR, START_MS) == [
        FundingRate(START_MS + 8 * HOUR_MS, 0.0008, 8.5),
        FundingRate(START_MS + 16 * HOUR_MS, 0.0016, 16.5),
    ]
    assert client.requests == [("rates", START_MS + 1)]
    assert fundings(exchange(client), PAIR, START_MS + 16 * HOUR_MS) == []


@pytest.mark.parametrize(("name", "kind"), [("bybit", "marks"), ("hyperliquid", "trades")])
def test_the_mark_price_of_a_funding_is_the_open_of_its_hour_where_the_venue_does_not_name_it(name, kind):
    """Hyperliquid stamps fundings some ms late, and the newest candle may not be there yet."""
    told = [(START_MS + hours * HOUR_MS + 7, hours / 1e4, {}) for hours in (1, 2, 3)]
    told[1][2]["markPrice"] = "5.5"
    client = Client(told, minutes=3)
    assert fundings(exchange(client, name), PAIR, START_MS) == [
        FundingRate(START_MS + HOUR_MS, 0.0001, 1001.0),
        FundingRate(START_MS + 2 * HOUR_MS, 0.0002, 5.5),
    ]
    assert client.requests[1:] == [(kind, START_MS + HOUR_MS)]


def candles(*numbers):
    return [MarkCandle(START_MS + n * MINUTE_MS, 500.0 + n, 4000.0 + n, 2000.0 + n) for n in numbers]


@pytest.mark.parametrize(("page", "pages"), [(100, [2, 102, 202]), (200, [2, 202]), (300, [2, 202])])
def test_minutes_of_the_mark_price_are_all_had_page_by_page(page, pages):
    client = Client(minutes=282, page=page)
    found = marks(exchange(client), PAIR, START_MS + 2 * MINUTE_MS + 59_000)
    assert found == candles(*range(2, 282))
    assert client.requests == [("marks", START_MS + n * MINUTE_MS) for n in pages]


@pytest.mark.parametrize(("ago", "before"), [(2, []), (3, [1, 2, 3])])
def test_hyperliquid_s_mark_price_is_the_one_now_and_that_of_trades_where_whole_minutes_were_missed(
    ago, before
):
    client = Client(minutes=5, now_ms=START_MS + 4 * MINUTE_MS + 30_000)
    found = marks(exchange(client, "hyperliquid"), PAIR, START_MS + (4 - ago) * MINUTE_MS)
    assert found == [*candles(*before), MarkCandle(START_MS + 4 * MINUTE_MS, 3000.0, 3000.0, 3000.0)]


TIERS = [
    {"minNotional": 0.0, "maxNotional": 100.0, "maintenanceMarginRate": 0.01, "maxLeverage": 50.0},
    {"minNotional": 100.0, "maxNotional": None, "maintenanceMarginRate": 0.02, "maxLeverage": 20.0},
]


def rules(name, info=None, size=None, most=None):
    market = {"info": info or {}, "contractSize": size, "limits": {"leverage": {"max": most}}}
    venue = exchange(None, name)
    venue.markets, venue._leverage_tiers = {PAIR: market}, {PAIR: TIERS}
    venue.get_fee = lambda **_: 0.0005
    return margin_rules(venue, PAIR)


@pytest.mark.parametrize(
    ("name", "sells_to_book", "fee", "is_of_entry", "by_amount"),
    [
        ("binance", True, 0.0125, False, False),
        ("bybit", False, 0.0, True, False),
        ("okx", False, 0.0, False, True),
        ("hyperliquid", True, 0.0, False, False),
        ("another", True, 0.0, False, False),
    ],
)
def test_a_liquidation_is_as_each_venue_says(name, sells_to_book, fee, is_of_entry, by_amount):
    found = rules(name)
    assert (found.sells_to_book, found.fee) == (sells_to_book, fee)
    assert (found.is_of_entry, found.by_amount) == (is_of_entry, by_amount)
    assert rules(name, {"liquidationFee": "0.03"}).fee == 0.03


def test_tiers_deduct_what_keeps_the_margin_from_jumping_and_okx_s_count_coins_and_the_fee():
    assert rules("binance").tiers == (Tier(100.0, 50.0, 0.01), Tier(math.inf, 20.0, 0.02, 1.0))
    assert rules("bybit", size=0.1).tiers == rules("binance").tiers
    assert rules("okx", size=0.1).tiers == (Tier(10.0, 50.0, 0.0105), Tier(math.inf, 20.0, 0.0205))
    assert rules("okx").tiers[0].most == 100.0


@pytest.mark.parametrize(("most", "rate"), [(40, 0.0125), (None, 0.5)])
def test_hyperliquid_keeps_half_the_margin_of_the_greatest_leverage(most, rate):
    assert rules("hyperliquid", most=most).tiers == (Tier(math.inf, most or 1.0, rate),)
