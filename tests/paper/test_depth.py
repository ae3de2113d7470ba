"""How deep a book each venue shows by REST, from the stubs' deep markets."""

import math

import pytest
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.fills.book import walk
from freqtrade_ext.paper.depth import fetch_order_book
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
