"""Books of any content: what an order takes of them is theirs, and their levels stay in order."""

import math

from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.fills.book import BadBook, Book, walk
from tests.fuzz.hostile import numbers

floats = numbers.map(lambda n: float(n) if abs(n) < 2**1000 else math.inf)
levels = st.lists(st.tuples(floats, floats), max_size=6)
sane = st.floats(1, 100)
sane_levels = st.lists(st.tuples(sane, st.floats(0, 10)), max_size=6)


@given(
    bids=levels,
    asks=levels,
    amount=st.floats(0, 1e300),
    limit=st.none() | floats,
    side=st.sampled_from(["buy", "sell"]),
)
def test_an_order_takes_no_more_than_wanted_and_displayed(bids, asks, amount, limit, side):
    try:
        book = Book(bids, asks, 0, 20)
    except BadBook:
        return
    shown = book.taken_by(side)
    found = walk(shown, amount, side, limit)
    assert 0 <= found.filled <= amount
    assert found.filled <= math.fsum(size for _, size in shown) * (1 + 1e-12)
    assert {rate for rate, _ in found.fills} <= {rate for rate, _ in shown}
    if limit is not None:
        assert all(rate <= limit if side == "buy" else rate >= limit for rate, _ in found.fills)


steps = st.one_of(
    st.tuples(st.just("snapshot"), st.integers(0, 30), sane_levels, sane_levels),
    st.tuples(st.just("diff"), st.integers(0, 30), st.integers(0, 30), sane_levels, sane_levels),
    st.tuples(st.just("best"), st.integers(0, 30), sane, st.floats(0, 9), sane, st.floats(0, 9)),
)


@given(st.lists(steps, max_size=12))
def test_levels_are_in_order_after_any_messages_in_any_order(messages):
    book = LocalBook()
    for what, *values in messages:
        getattr(book, what)(*([Top(*values)] if what == "best" else values))
        for side, sign in (("buy", 1), ("sell", -1)):
            rates = [sign * rate for rate, _ in book.levels(side)]
            assert rates == sorted(set(rates))
        assert book.is_crossed in (True, False)
