"""Books, tickers and fees that freqtrade gets of a paper exchange, of a feed of plain values."""

from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange
from freqtrade.util import FtTTLCache

from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper.fee_rates import FeeRates
from freqtrade_ext.paper.market_data import PaperMarketData

PAIR = "BTC/USDT:USDT"
REST = {"bid": 1.0, "ask": 2.0, "last": 1.5, "close": 1.5, "quoteVolume": 7.0}


class Bare(PaperMarketData):
    """Without a connection."""

    name = id = "okx"

    def __init__(self, feed=None, fee=None):
        self._config = {"trading_mode": TradingMode.FUTURES, "fee": fee}
        self.trading_mode = TradingMode.FUTURES
        self._markets = {PAIR: {"contractSize": 0.01}}
        self.feed, self.mids = feed, {}
        self.tickers = FtTTLCache(maxsize=9, ttl=60)
        self.fee_rates = FeeRates(0.001, 0.002)

    def __del__(self):
        pass


class Feed:
    def __init__(self, top=None, prints=()):
        self._top, self._prints = top, list(prints)

    def book(self, pair, limit):
        return self._top and SimpleNamespace(bids=[(99.0, 5.0)], asks=[(101.0, 3.0)], time_ms=7)

    def top(self, pair):
        return self._top

    def prints(self, pair, since):
        return self._prints


@pytest.fixture
def asked(monkeypatch):
    """What is asked by REST."""
    asked = []

    def answer(name, value):
        monkeypatch.setattr(Exchange, name, lambda self, *args, **_: asked.append(name) or value)

    answer("fetch_ticker", REST)
    answer("fetch_l2_order_book", {"bids": [[99.0, 1.0]], "asks": [[101.0, 1.0]]})
    answer("get_min_pair_stake_amount", 5.0)
    answer("get_max_pair_stake_amount", 500.0)
    answer("get_fee", 0.03)
    return asked


def test_the_book_of_the_feed_is_told_in_contracts_as_ccxt_counts(asked):
    exchange = Bare(Feed((99.0, 101.0)))
    book = exchange.fetch_l2_order_book(PAIR, 5)
    assert (book["bids"], book["asks"], book["timestamp"]) == ([(99.0, 500.0)], [(101.0, 300.0)], 7)
    assert (asked, exchange.mids) == ([], {PAIR: 100.0})


@pytest.mark.parametrize("feed", [None, Feed()])
def test_without_a_book_in_the_feed_the_exchange_is_asked(asked, feed):
    exchange = Bare(feed)
    assert exchange.fetch_l2_order_book(PAIR)["bids"] == [[99.0, 1.0]]
    assert (asked, exchange.mids) == (["fetch_l2_order_book"], {PAIR: 100.0})


def test_a_book_whose_sides_cross_is_an_error_that_the_bot_survives(monkeypatch):
    crossed = {"bids": [[102.0, 1.0]], "asks": [[101.0, 1.0]]}
    monkeypatch.setattr(Exchange, "fetch_l2_order_book", lambda *_: crossed)
    with pytest.raises(TemporaryError, match="order book of"):
        Bare().fetch_l2_order_book(PAIR)


PRINTS = [Print("1", 1, 100.0, 1.0, "buy"), Print("2", 2, 100.5, 1.0, "buy")]
LIVE = REST | {"bid": 99.0, "ask": 101.0, "last": 100.5, "close": 100.5}


@pytest.mark.parametrize(
    ("feed", "ticker", "requests"),
    [
        (None, REST, 2),
        (Feed(), REST, 2),
        (Feed((99.0, 101.0)), REST, 2),
        (Feed(None, PRINTS), REST, 2),
        (Feed((99.0, 101.0), PRINTS), LIVE, 1),
    ],
)
def test_a_ticker_is_the_feed_s_with_the_day_s_figures_once_a_minute(asked, feed, ticker, requests):
    exchange = Bare(feed)
    assert [exchange.fetch_ticker(PAIR) for _ in range(2)] == [ticker] * 2
    assert asked == ["fetch_ticker"] * requests
    assert exchange.mids == {PAIR: (ticker["bid"] + ticker["ask"]) / 2}


def test_a_pair_that_is_not_listed_is_an_error_that_the_bot_survives_whatever_is_asked(asked):
    exchange = Bare(Feed((99.0, 101.0), PRINTS))
    for ask in (
        exchange.fetch_l2_order_book,
        exchange.fetch_ticker,
        lambda pair: exchange.get_min_pair_stake_amount(pair, 1.0, -0.1),
        lambda pair: exchange.get_max_pair_stake_amount(pair, 1.0),
    ):
        with pytest.raises(TemporaryError, match="does not list GONE/USDT"):
            ask("GONE/USDT")
    assert exchange.get_min_pair_stake_amount(PAIR, 1.0, -0.1) == 5.0
    assert exchange.get_max_pair_stake_amount(PAIR, 1.0) == 500.0


@pytest.mark.parametrize(
    ("order_type", "taker_or_maker", "rate"),
    [("limit", "maker", 0.001), ("limit", "taker", 0.002), ("market", "maker", 0.002)],
)
def test_the_fee_is_the_venue_s_unless_the_configuration_names_one(asked, order_type, taker_or_maker, rate):
    assert Bare().get_fee(PAIR, order_type, taker_or_maker=taker_or_maker) == rate
    assert Bare(fee=0.0).get_fee(PAIR, order_type, taker_or_maker=taker_or_maker) == 0.03
    unknown = Bare()
    unknown.fee_rates = None
    assert unknown.get_fee(PAIR, order_type, taker_or_maker=taker_or_maker) == 0.03
    assert asked == ["get_fee"] * 2
