"""What prints, books and opposite quotes do to a resting order, by hand; the engine is in test_engine.py."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.queue import CANCEL_POWER, ESTIMATES, STANDING_MS, Print, Queue
from tests.fills.test_engine import desk


def queue_of(ahead, resting=10.0):
    """An order that rests behind `ahead`; None is beyond what was seen of the book."""
    queue = Queue()
    queue.look(ahead, 0.0, resting, 0)
    return queue


def filled(queue):
    return tuple(queue.places[name].filled for name in ESTIMATES)


def ahead(queue):
    return tuple(queue.places[name].ahead for name in ESTIMATES[:2])


@pytest.mark.parametrize(
    ("before", "amount", "is_through", "fills"),
    [
        # an order of 10 rests; pessimistic, expected, optimistic
        (5.0, 3.0, False, (0, 0, 3)),
        (5.0, 5.0, False, (0, 0, 5)),
        (5.0, 8.0, False, (3, 3, 8)),
        (0.0, 80.0, False, (10, 10, 10)),
        (5.0, 8.0, True, (8, 8, 8)),
        (5.0, 80.0, True, (10, 10, 10)),
        (None, 8.0, False, (0, 0, 8)),  # place unknown: only prints through the rate prove a fill
        (None, 8.0, True, (8, 8, 8)),
    ],
)
def test_a_print_uses_up_what_is_ahead_and_then_fills(before, amount, is_through, fills):
    queue = queue_of(before)
    queue.use_print(amount, 10.0, 1, is_through=is_through)
    assert filled(queue) == fills


def test_three_prints_of_a_tenth_through_three_tenths_ahead_leave_no_fill_of_float_noise():
    queue = queue_of(0.3)
    for _ in range(3):
        queue.use_print(0.1, 10.0, 1, is_through=False)
    assert filled(queue)[:2] == (0, 0)
    queue.use_print(0.1, 10.0, 1, is_through=False)
    assert filled(queue)[:2] == pytest.approx((0.1, 0.1), rel=1e-12)


@pytest.mark.parametrize(
    ("displayed", "after"),
    [
        (8.0, (5.0, 5.0)),  # those who came later stand behind us
        (5.0, (5.0, 5.0)),
        (3.0, (3.0, 3.0)),  # 2 of 5 have left, and all 5 were ahead
        (0.0, (0.0, 0.0)),
        (None, (5.0, 5.0)),  # the book did not reach that deep
    ],
)
def test_no_more_than_the_book_displays_can_be_ahead(displayed, after):
    queue = queue_of(5.0)
    queue.look(displayed, 0.0, 10.0, 100)
    assert ahead(queue) == after


def test_of_cancels_the_expected_estimate_takes_the_share_of_its_place_from_ahead():
    queue = queue_of(6.0)
    queue.look(10.0, 0.0, 10.0, 100)  # 4 have joined behind us
    queue.look(8.0, 0.0, 10.0, 200)  # 2 have left
    assert ahead(queue) == (6.0, 6.0 - 2.0 * 0.6**CANCEL_POWER)


def test_what_was_printed_is_not_counted_as_cancelled_too():
    queue = queue_of(6.0)
    queue.look(10.0, 0.0, 10.0, 100)
    queue.use_print(2.0, 10.0, 150, is_through=False)
    queue.look(8.0, 0.0, 10.0, 200)
    assert ahead(queue) == (4.0, 4.0)


def test_a_level_that_comes_into_view_tells_the_place():
    queue = queue_of(None)
    queue.look(7.0, 0.0, 10.0, 100)
    assert ahead(queue) == (7.0, 7.0)


def test_an_opposite_quote_at_our_rate_fills_once_it_has_stood():
    queue = queue_of(0.0)
    for time_ms, fills in ((0, (0, 0, 4)), (199, (0, 0, 4)), (200, (0, 4, 4)), (1_000, (4, 4, 4))):
        queue.look(0.0, 4.0, 10.0, time_ms)
        assert filled(queue) == fills
    queue.look(0.0, 4.0, 10.0, 60_000)
    assert filled(queue) == (4, 4, 4)  # each unit once
    assert STANDING_MS == {"pessimistic": 1_000, "expected": 200, "optimistic": 0}


def test_a_quote_that_crosses_and_leaves_again_and_again_fills_the_optimistic_estimate_alone():
    queue = queue_of(0.0)
    for time_ms in range(0, 5_000, 150):
        queue.look(0.0, 1.0 if time_ms // 150 % 2 else 0.0, 10.0, time_ms)
    assert filled(queue) == (0, 0, 10)


lots = st.integers(1, 40).map(float)
news = st.one_of(
    st.tuples(st.just("print"), lots, st.booleans()),
    st.tuples(
        st.just("look"), st.one_of(st.none(), st.integers(0, 60).map(float)), st.sampled_from([0.0, 0.0, 3.0])
    ),
)


@given(st.one_of(st.none(), lots), lots, st.lists(st.tuples(st.integers(0, 400), news), max_size=40))
def test_the_estimates_are_nested_on_every_tape_and_bounded_by_it(before, resting, tape):
    queue, time_ms, reached, quoted = queue_of(before, resting), 0, 0.0, 0.0
    for wait_ms, (kind, amount, more) in tape:
        time_ms += wait_ms
        if kind == "print":
            queue.use_print(amount, resting, time_ms, is_through=more)
            reached += amount
        else:
            queue.look(amount, more, resting, time_ms)
            quoted += more
        pessimistic, expected, optimistic = filled(queue)
        assert 0 <= pessimistic <= expected <= optimistic <= resting
        assert optimistic <= reached + quoted
        place = queue.places
        if place["pessimistic"].ahead is not None:
            assert place["expected"].ahead <= place["pessimistic"].ahead
        assert Queue.from_json(queue.to_json(), 0.0, None) == queue


def fifo_market(seed, amount):
    """
    Generate a first-in-first-out level with us in it, and what the public sees of it.

    :return: what we were really filled, and our queue, fed with prints and differences only.
    """
    rng = random.Random(seed)
    others = [[rng.randint(1, 9), True] for _ in range(rng.randint(0, 6))]  # amount, whether ahead of us
    queue, truth = queue_of(float(sum(size for size, _ in others)), amount), 0.0
    for look in range(1, 80):
        for _ in range(rng.randint(0, 3)):
            action = rng.random()
            if action < 0.4:
                others.append([rng.randint(1, 9), False])
            elif action < 0.7 and others:
                others.pop(rng.randrange(len(others)))
            else:
                printed = left = rng.randint(1, 12)
                for size in [other for other in others if other[1]]:
                    took = min(size[0], left)
                    size[0], left = size[0] - took, left - took
                took = min(left, amount - truth)
                truth, left = truth + took, left - took
                for size in [other for other in others if not other[1]]:
                    took = min(size[0], left)
                    size[0], left = size[0] - took, left - took
                others = [other for other in others if other[0]]
                # what nobody was there for is not printed
                queue.use_print(float(printed - left), amount, look * 100, is_through=False)
        queue.look(float(sum(size for size, _ in others)), 0.0, amount, look * 100)
    return truth, queue


@given(st.integers(0, 10**9), lots)
def test_on_first_in_first_out_books_the_bounds_hold(seed, amount):
    """What is printed at our rate in truth went to those ahead, to us and to those behind, in this order."""
    truth, queue = fifo_market(seed, amount)
    pessimistic, _, optimistic = filled(queue)
    assert pessimistic <= truth <= optimistic


@given(st.lists(st.integers(1, 9), max_size=6), lots)
def test_an_order_that_is_hit_exactly_is_filled_exactly(sizes, amount):
    queue = queue_of(float(sum(sizes)), amount)
    for size in [*sizes, amount]:
        assert filled(queue)[:2] == (0, 0)
        queue.use_print(float(size), amount, 1, is_through=False)
    assert filled(queue) == (amount, amount, amount)


def test_a_queue_of_an_older_version_goes_on():
    old = Queue.from_json({"ahead": 5.0}, 2.0, 7)
    old.use_print(8.0, 10.0, 9, is_through=False)
    assert filled(old)[:2] == (5, 5)
    assert math.isclose(old.places["optimistic"].filled, 10)


def test_a_queue_that_moved_without_a_print_survives_a_restart():
    d = desk(bids=[(100.0, 50.0)], maker_fill="expected")
    order = d.order("buy", 10, limit=100.0)
    d.market.bids = [(100.0, 3.0)]
    d.poll(order)
    d.market.bids = [(100.0, 60.0)]
    d.restart()
    d.market.trade("sell", 100.0, 4.0)
    assert d.poll(order).filled == 1


def test_an_order_deeper_than_the_book_was_seen_learns_its_place_when_the_level_comes_into_view():
    d = desk(bids=[(100.0 - i, 1.0) for i in range(30)], maker_fill="expected")
    order = d.order("buy", 10, limit=75.0)
    assert order.queue.places["expected"].ahead is None
    d.market.trade("sell", 75.0, 5.0)
    assert d.poll(order).filled == 0
    d.market.bids = d.market.bids[10:]
    assert d.poll(order).queue.places["expected"].ahead == 1
    d.market.trade("sell", 75.0, 5.0)
    assert d.poll(order).filled == 4


def test_of_two_orders_at_one_rate_the_older_fills_first_and_no_print_counts_twice():
    d = desk(bids=[(100.0, 2.0)], maker_fill="expected")
    older, younger = d.order("buy", 5, limit=100.0), d.order("buy", 5, limit=100.0)
    d.market.trade("sell", 100.0, 6.0)  # 2 queue, 4 older
    d.poll(older)
    assert (older.filled, younger.filled) == (4, 0)
    d.market.trade("sell", 100.0, 3.0)
    d.poll(older)
    assert (older.filled, younger.filled) == (5, 2)


def test_a_print_stamped_before_arrival_but_seen_later_never_fills_or_triggers():
    d = desk(bids=[(100.0, 9.0)], maker_fill="optimistic")
    d.market.trade("buy", 101.0, 1.0)
    buy, stop = d.order("buy", 5, limit=100.0), d.order("sell", 5, stop_rate=95.0)
    d.market.tape.append(Print("1", buy.arrival_ms - 1, 90.0, 9.0, "sell"))
    assert (d.poll(buy).filled, d.poll(stop).stage) == (0, "waiting")
    d.market.tape.append(Print("2", stop.arrival_ms, 90.0, 9.0, "sell"))
    assert (d.poll(buy).filled, d.poll(stop).status) == (5, "closed")


def test_each_difference_between_two_polls_moves_the_queue_not_just_the_last():
    """
    A level of 10 before us goes to 4 and back to 10 between two looks of the bot.

    Of 6 that left all were ahead; those 6 that came stand behind us.
    """
    d = desk(bids=[(100.0, 10.0)], asks=[(101.0, 9.0)])
    order = d.order("buy", 5, limit=100.0)
    d.market.difference([(100.0, 4.0)], [(101.0, 9.0)])
    d.market.difference([(100.0, 10.0)], [(101.0, 9.0)])
    assert d.poll(order).queue.places["pessimistic"].ahead == 4
    d.market.time_ms += 1
    d.market.trade("sell", 100.0, 6.0)
    assert d.poll(order).filled == 2


def test_a_difference_from_before_the_orders_arrival_says_nothing_about_its_queue():
    d = desk(bids=[(100.0, 1.0)], asks=[(101.0, 9.0)])
    d.market.difference([(100.0, 1.0)], [(101.0, 9.0)])
    d.market.bids = [(100.0, 10.0)]
    order = d.order("buy", 5, limit=100.0)
    assert d.poll(order).queue.places["pessimistic"].ahead == 10


@pytest.mark.parametrize(
    ("estimate", "filled_ms"), [("pessimistic", 1_000), ("expected", 200), ("optimistic", 0)]
)
def test_a_bid_that_the_ask_stands_through_is_filled_as_a_maker_at_its_own_rate(estimate, filled_ms):
    """Bid 100 while the ask stood at 99.5 x 50 for a minute filled nothing."""
    d = desk(bids=[(100.0, 1.0)], asks=[(101.0, 9.0)], maker_fill=estimate)
    order = d.order("buy", 60, limit=100.0)
    d.market.bids, d.market.asks = [(99.0, 1.0)], [(99.5, 50.0), (102.0, 9.0)]
    began, found = d.market.time_ms, None
    while d.poll(order).filled == 0:
        d.market.time_ms += 100
    assert (d.market.time_ms - began, order.filled, order.average) == (filled_ms, 50, 100)
    assert (order.maker_amount, order.taker_amount) == (50, 0)
    d.market.time_ms += 60_000
    assert d.poll(order).filled == 50  # the same quote, once
    d.market.asks = [(99.5, 53.0), (102.0, 9.0)]
    for _ in range(30):
        d.market.time_ms += 100
        found = d.poll(order)
    assert found.filled == (53 if estimate == "optimistic" else 50)


def test_a_quote_that_filled_one_order_is_gone_for_the_next_and_for_takers():
    d = desk(bids=[(99.0, 1.0)], asks=[(101.0, 9.0)], maker_fill="optimistic")
    first, second = d.order("buy", 4, limit=100.0), d.order("buy", 4, limit=100.0)
    d.market.bids, d.market.asks = [(98.0, 1.0)], [(99.5, 5.0), (102.0, 9.0)]
    d.poll(first)
    assert (first.filled, second.filled) == (4, 1)
    assert d.order("buy", 2).average == 102


def test_a_replaced_order_goes_to_the_back_and_a_cut_one_keeps_its_place():
    d = desk(bids=[(100.0, 3.0)], asks=[(101.0, 9.0)])
    order = d.order("buy", 5, limit=100.0)
    d.market.bids = [(100.0, 8.0)]
    d.poll(order)
    assert order.queue.places["expected"].ahead == 3
    d.engine.cancel(order.request.id)
    assert d.order("buy", 4, limit=100.0).queue.places["expected"].ahead == 8


def test_the_record_keeps_what_each_estimate_fills_and_when():
    d = desk(bids=[(100.0, 5.0)], asks=[(101.0, 9.0)])
    order = d.order("buy", 6, limit=100.0)
    d.market.bids = [(100.0, 15.0)]
    d.poll(order)
    d.market.bids = [(100.0, 5.0)]  # 10 have left; of them a third of a third of a third ... from ahead of us
    d.poll(order)
    d.market.trade("sell", 100.0, 5.0)
    d.poll(order)
    would_fill = order.record().would_fill
    share = 10.0 * (5 / 15) ** CANCEL_POWER
    assert would_fill["pessimistic"] == {"filled": 0.0, "filled_ms": None}
    assert would_fill["expected"] == {"filled": pytest.approx(share), "filled_ms": d.market.time_ms}
    assert would_fill["optimistic"] == {"filled": 5.0, "filled_ms": d.market.time_ms}
    assert order.filled == would_fill["expected"]["filled"]
    assert d.order("buy", 1).record().would_fill == {}


def test_an_order_that_rested_in_a_database_of_before_the_three_queues_goes_on():
    d = desk(bids=[(100.0, 5.0)], asks=[(101.0, 9.0)])
    order = d.order("buy", 10, limit=100.0)
    d.market.trade("sell", 100.0, 7.0)
    d.poll(order)
    key = f"order/{order.request.id}"
    old = json.loads(d.store.rows[key])
    old["queue"] = {"ahead": 0.0}
    d.store.rows[key] = json.dumps(old)
    d.restart()
    d.market.trade("sell", 100.0, 3.0)
    again = d.poll(order)
    assert (order.filled, again.filled) == (2, 5)
    assert filled(again.queue) == (5, 5, 5)


def test_an_estimate_that_was_filled_first_keeps_its_time():
    queue = queue_of(5.0, resting=3.0)
    queue.use_print(3.0, 3.0, 1, is_through=False)
    queue.use_print(80.0, 3.0, 9, is_through=True)
    assert filled(queue) == (3, 3, 3)
    assert queue.places["optimistic"].filled_ms == 1


@pytest.mark.parametrize(
    "wrong",
    [{"price": 0.0}, {"price": math.inf}, {"amount": -1.0}, {"amount": math.inf}, {"timestamp": 0}],
)
def test_a_trade_that_cannot_be_is_refused_and_one_of_contracts_is_read_in_base_units(wrong):
    trade = {"id": 7, "price": 2.0, "amount": 3.0, "timestamp": 5, "side": "buy"}
    assert Print.from_ccxt(trade, 0.1) == Print("7", 5, 2.0, 3.0 * 0.1, "buy")
    assert Print.from_ccxt(trade | {"amount": 0.0}).amount == 0
    with pytest.raises(ValueError, match="no trade of"):
        Print.from_ccxt(trade | wrong)
