from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.replica.book import BookSide, Match, Resting

RATES = st.integers(90, 110)
CHANGES = st.lists(st.tuples(RATES, st.integers(0, 50)), max_size=60)


def test_an_own_order_waits_behind_what_was_there_and_goes_before_what_came_later() -> None:
    bids = BookSide(-1)
    bids.put(100, 5)
    own = Resting(1, 100, 3)
    bids.join(own)
    bids.put(100, 9)
    assert bids.levels() == [(100, 12)]
    assert bids.take(4) == [Match(100, 4, None)]
    assert bids.take(3) == [Match(100, 1, None), Match(100, 2, 1)]
    assert bids.take(10) == [Match(100, 1, 1), Match(100, 4, None)]
    assert bids.levels() == []


def test_cancels_are_taken_from_behind_own_orders_first() -> None:
    asks = BookSide(1)
    asks.put(100, 10)
    own = Resting(1, 100, 1)
    asks.join(own)
    asks.put(100, 30)
    asks.put(100, 12)
    assert own.ahead == 10
    asks.put(100, 4)
    assert own.ahead == 4


def test_a_limit_stops_the_taker_and_its_own_rate_still_counts() -> None:
    asks = BookSide(1)
    for rate in (101, 100, 102):
        asks.put(rate, 1)
    assert asks.take(9, limit=101) == [Match(100, 1, None), Match(101, 1, None)]
    assert asks.levels() == [(102, 1)]


@given(CHANGES, st.integers(1, 500), st.sampled_from([1, -1]))
def test_levels_are_sorted_from_the_best_and_taking_conserves_amounts(
    changes: list[tuple[int, int]], amount: int, sign: int
) -> None:
    side, model = BookSide(sign), dict[int, int]()
    for rate, shown in changes:
        side.put(rate, shown)
        model[rate] = shown
    expected = sorted(((r, a) for r, a in model.items() if a), key=lambda level: level[0] * sign)
    assert side.levels() == expected
    taken = sum(match.amount for match in side.take(amount))
    total = sum(shown for _, shown in expected)
    assert taken == min(amount, total)
    assert sum(shown for _, shown in side.levels()) == total - taken


@given(CHANGES, st.lists(st.tuples(RATES, st.integers(1, 9)), max_size=8), st.integers(1, 300))
def test_own_orders_fill_by_what_was_taken_of_them_and_never_more(
    changes: list[tuple[int, int]], own: list[tuple[int, int]], amount: int
) -> None:
    side = BookSide(-1)
    orders = [Resting(number, rate, left) for number, (rate, left) in enumerate(own)]
    for order in orders:
        side.join(order)
    for rate, shown in changes:
        side.put(rate, shown)
    for match in side.take(amount):
        assert match.amount > 0
        if match.order_id is not None:
            own[match.order_id] = (own[match.order_id][0], own[match.order_id][1] - match.amount)
    assert [order.left for order in orders] == [left for _, left in own]
    assert all(order in side.resting() for order in orders if order.left)
