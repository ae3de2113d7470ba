"""What the engine gets of a venue: depths, the age of books, prints and rates, of plain values."""

import math
from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode

from freqtrade_ext.fills.book import Book
from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper.venue import Venue

PAIR = "BTC/USDT"
PRINT = Print("7", 5, 100.0, 1.0, "buy")


def exchange(name="kraken", depths=None, mode=TradingMode.SPOT, **more):
    api = SimpleNamespace(id=name, fetch_l2_order_book=lambda pair, depth: BOOK)
    known = {"id": name, "name": name, "trading_mode": mode, "_ft_has": {"l2_limit_range": depths}}
    return SimpleNamespace(**known, _api=api, get_contract_size=lambda pair: 0.1, **more)


BOOK = {"bids": [[99.0, 10.0, 1]], "asks": [[101.0, 20.0, 1]], "nonce": 3}


class Feed:
    """A feed that has what it is given."""

    def __init__(self, book=None, books=None, prints=None):
        self._book, self._books, self._prints, self.asked = book, books, prints, []

    def book(self, pair, depth, *, not_before_ms):
        self.asked.append(depth)
        return self._book

    def books(self, pair, depth, since_ms):
        self.asked.append((depth, since_ms))
        return self._books

    def prints(self, pair, since):
        return self._prints

    def round_trips_ms(self):
        return (8.0,)


@pytest.mark.parametrize(
    ("depths", "used"),
    [(None, (20, 100)), ([5, 10], (10,)), ([5, 20, 50], (20, 50)), ([10, 19, 500], (500,))],
)
def test_a_venue_that_is_not_known_has_freqtrade_s_depths_from_20_on(depths, used):
    assert Venue(exchange(depths=depths)).depths == used


@pytest.mark.parametrize(
    ("name", "mode", "depths"),
    [
        # weights 5, 5, 50 and 250; on futures no other numbers of levels are answered
        ("binance", TradingMode.SPOT, (20, 100, 1000, 5000)),
        ("binance", TradingMode.FUTURES, (20, 100, 1000)),
        # the usual book ends at 200 and 500, the full one at 10,000
        ("bybit", TradingMode.SPOT, (50, 200, 1000, 10_000)),
        ("bybit", TradingMode.FUTURES, (50, 200, 500, 10_000)),
        # the usual one at 400, the full one at 5,000
        ("okx", TradingMode.SPOT, (20, 100, 400, 5000)),
        ("okx", TradingMode.FUTURES, (20, 100, 400, 5000)),
        # twenty levels, and twenty of each group
        ("hyperliquid", TradingMode.SPOT, (20, 60, 100)),
        ("hyperliquid", TradingMode.FUTURES, (20, 60, 100)),
    ],
)
def test_books_are_asked_for_in_the_steps_of_each_venue(name, mode, depths):
    assert Venue(exchange(name, mode=mode)).depths == depths


@pytest.mark.parametrize(("mode", "size"), [(TradingMode.SPOT, 1.0), (TradingMode.FUTURES, 0.1)])
def test_a_book_by_rest_is_as_old_as_half_its_way_and_in_base_units(monkeypatch, mode, size):
    venue = Venue(exchange(mode=mode))
    times = iter((90, 100, 140))
    monkeypatch.setattr(venue, "now_ms", lambda: next(times))
    book = venue.book(PAIR, 50)
    assert (book.bids, book.asks) == ([(99.0, 10.0 * size)], [(101.0, 20.0 * size)])
    assert (book.time_ms, book.depth) == (120, 50)


def test_the_feed_goes_first_and_differences_come_before_the_book_of_now():
    now, before = (Book([(99.0, ms)], [(101.0, ms)], ms, 20) for ms in (2, 1))
    feed = Feed(now, [before], [PRINT])
    venue = Venue(exchange(), feed)
    assert venue.book(PAIR, 20) is now
    assert venue.books(PAIR, 5) == [before, now]
    assert feed.asked == [20, (20, 5), 20]
    assert venue.prints(PAIR, None) == ([PRINT], Cursor(5, ("7",)))
    assert venue.prints(PAIR, Cursor(5, ("6",))) == ([PRINT], Cursor(5, ("6", "7")))
    assert venue.round_trips_ms() == (8.0,)
    assert Venue(exchange(), Feed(now)).books(PAIR, 5) == [now]
    assert Venue(exchange()).round_trips_ms() == ()
    assert Venue(exchange(), Feed(prints=[])).prints(PAIR, None) == ([], Cursor(0, ()))


def test_an_order_is_on_its_way_for_as_long_as_it_says(monkeypatch):
    slept = []
    monkeypatch.setattr(
        "freqtrade_ext.paper.venue.time", SimpleNamespace(sleep=slept.append, time_ns=lambda: 7e6)
    )
    Venue(exchange()).sleep_ms(250.0)
    assert slept == [0.25]
    assert Venue(exchange()).now_ms() == 7


def test_venues_without_an_average_or_execution_rules_have_the_last_rate_and_no_range():
    last = Print("8", 6, 104.0, 1.0, "buy")
    venue = Venue(exchange(), Feed(prints=[PRINT, last]))
    assert venue.average_rate(PAIR) == 104.0
    assert venue.execution_range(PAIR, "buy") == (0.0, math.inf)


@pytest.mark.parametrize("mode", [TradingMode.SPOT, TradingMode.FUTURES])
def test_binance_s_average_is_asked_for_on_spot_alone(mode):
    venue = Venue(exchange("binance", mode=mode), Feed(prints=[PRINT]))
    venue._exchange._api.market_id = lambda pair: "BTCUSDT"
    venue._exchange._api.public_get_avgprice = lambda params: {"price": "103.5", "asked": params["symbol"]}
    assert venue.average_rate(PAIR) == (103.5 if mode == TradingMode.SPOT else 100.0)


@pytest.mark.parametrize(
    ("told", "rate"), [(600.0, 600.0), (0.5, 0.5), (None, None), (0.0, None), (math.inf, None)]
)
def test_the_rate_of_bnb_is_one_that_can_be(told, rate):
    assert Venue(exchange(get_conversion_rate=lambda *_: told)).bnb_rate("USDT") == rate
