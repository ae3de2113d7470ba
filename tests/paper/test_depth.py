"""How deep a book each venue shows by REST, from the stubs' deep markets."""

import math

import pytest
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.book import walk
from freqtrade_ext.paper.depth import _continued, fetch_order_book
from freqtrade_ext.paper.venue import Venue
from tests.feed.followed import configuration
from tests.venues.bybit import Bybit
from tests.venues.hyperliquid import Hyperliquid
from tests.venues.okx import Okx

LEVELS = 3000
BIDS = [(100_000 - n, 0.01 + n % 7 / 100) for n in range(LEVELS)]
ASKS = [(100_001 + n, 0.01 + n % 5 / 100) for n in range(LEVELS)]


def deepest(venue, pair):
    with venue([pair], futures=":" in pair) as stub:
        stub.book("BTC", BIDS, ASKS)
        exchange = ExchangeResolver.load_exchange(configuration(stub), validate=True)
        try:
            market = Venue(exchange)
            return market.book(pair, market.depths[-1])
        finally:
            exchange.close()


@pytest.mark.parametrize(("venue", "pair"), [(Bybit, "BTC/USDT"), (Okx, "BTC/USDT"), (Okx, "BTC/USDT:USDT")])
def test_the_whole_book_is_had_where_the_venue_shows_it(venue, pair):
    """Orders ended after 200 levels on Bybit and 400 on OKX; the venues show 10,000 and 5,000."""
    book = deepest(venue, pair)
    for side, levels in (("buy", ASKS), ("sell", BIDS)):
        assert book.is_whole(side)
        assert [rate for rate, _ in book.taken_by(side)] == [rate for rate, _ in levels]
        assert [amount for _, amount in book.taken_by(side)] == pytest.approx([a for _, a in levels])


def test_the_usual_book_serves_where_bybit_has_no_full_one_yet():
    book = deepest(Bybit, "BTC/USDT:USDT")
    assert len(book.asks) == 500
    assert not book.is_whole("buy"), "what lies beyond is unknown, not nothing"


@pytest.mark.parametrize("pair", ["BTC/USDC", "BTC/USDC:USDC"])
@pytest.mark.parametrize(("side", "levels"), [("buy", ASKS), ("sell", BIDS)])
@pytest.mark.parametrize("amount", [0.5, 3.0, 20.0, 80.0])
def test_hyperliquid_s_book_goes_on_in_groups_never_better_than_it_is(pair, side, levels, amount):
    """A short of $1,900 got 6.76 of 9.44 SOL, as the rest lay beyond 20 levels."""
    book = deepest(Hyperliquid, pair)
    true, ours = walk(levels, amount, side), walk(book.taken_by(side), amount, side)
    assert true.stopped == ours.stopped == ""
    worse = (ours.average / true.average - 1) * (1 if side == "buy" else -1)
    assert -1e-12 <= worse < 0.005
    assert math.isclose(ours.filled, amount)


class Groups:
    """Hyperliquid's client with 20 bids and fewer asks, which go on in groups."""

    id = "hyperliquid"

    def fetch_l2_order_book(self, pair, limit=None, params=None):
        if params:
            return {"bids": [[90.0, 50.0]], "asks": [[111.0, 9.0]]}
        return {"bids": [[100.0 - n, 1.0] for n in range(20)], "asks": [[101.0, 1.0]]}


def test_one_short_side_does_not_end_the_other():
    book, _ = fetch_order_book(Groups(), "BTC/USDC", 40)
    assert len(book["bids"]) == 20
    assert book["asks"] == [[101.0, 1.0], [111.0, 8.0]]


class Client:
    """ccxt's, which notes what it is asked for and has a book of one level."""

    def __init__(self, name, *, spot=True, is_full=True):
        self.id, self._spot, self.asked = name, spot, []
        if is_full:
            self.public_get_v5_market_full_orderbook = self._full

    def market(self, pair):
        return {"spot": self._spot, "id": "BTCUSDT"}

    def fetch_l2_order_book(self, pair, limit=None, params=None):
        self.asked.append(params["nSigFigs"] if params else limit)
        return {"bids": [[100.0, 1.0, 3]] * 20, "asks": [[101.0, 1.0, 3]] * 20}

    def _full(self, params):
        self.asked.append(params["category"])
        return {"result": {"ts": "7"}}

    def parse_order_book(self, *answered):
        return {"bids": [], "asks": [], "answered": answered}


@pytest.mark.parametrize(
    ("spot", "depth", "is_full", "asked", "known"),
    [
        (True, 200, True, [200], 200),
        (True, 201, True, ["spot"], 10_000),
        (False, 500, True, [500], 500),
        (False, 501, True, ["linear"], 10_000),
        (True, 1000, False, [200], 200),
        (False, 1000, False, [500], 500),
    ],
)
def test_bybit_s_full_book_is_asked_for_beyond_its_usual_one(spot, depth, is_full, asked, known):
    client = Client("bybit", spot=spot, is_full=is_full)
    book, seen = fetch_order_book(client, "BTC/USDT", depth)
    assert (client.asked, seen) == (asked, known)
    assert book.get("answered", ({"ts": "7"}, "BTC/USDT", 7, "b", "a"))[1:] == ("BTC/USDT", 7, "b", "a")


@pytest.mark.parametrize(
    ("name", "depth", "asked"),
    [
        ("okx", 400, [400]),
        ("hyperliquid", 20, [20]),
        ("hyperliquid", 40, [None, 5]),
        ("hyperliquid", 60, [None, 5, 4]),
        ("hyperliquid", 100, [None, 5, 4, 3, 2]),
    ],
)
def test_each_further_twenty_levels_of_hyperliquid_are_a_coarser_group(name, depth, asked):
    client = Client(name)
    _, known = fetch_order_book(client, "BTC/USDC", depth)
    assert (client.asked, known) == (asked, depth if depth == 400 else 20)


def test_a_book_of_hyperliquid_that_ends_on_both_sides_goes_on_in_no_group():
    client = Client("hyperliquid")
    client.fetch_l2_order_book = lambda pair: {"bids": [[100.0, 1.0]] * 19, "asks": [[101.0, 1.0]] * 19}
    assert fetch_order_book(client, "BTC/USDC", 100)[1] == 20


@pytest.mark.parametrize("is_bid", [True, False])
def test_a_group_that_goes_on_beyond_the_levels_has_what_they_have_of_it_taken_off(is_bid):
    sign = -1 if is_bid else 1
    levels = [[100.0, 1.0, 3], [100.0 + sign, 2.0, 1]]
    # the first group is within the levels, the second has one coin of theirs, the third is empty
    groups = [
        [100.0, 1.0, 3],
        [100.0 + 5 * sign, 6.0, 2],
        [100.0 + 7 * sign, 0.0, 1],
        [100.0 + 9 * sign, 4.0, 1],
    ]
    assert _continued(levels, groups, is_bid=is_bid) == [
        [100.0, 1.0],
        [100.0 + sign, 2.0],
        [100.0 + 5 * sign, 4.0],
        [100.0 + 9 * sign, 4.0],
    ]
