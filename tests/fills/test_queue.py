"""What one print does to one resting order, by hand; the engine's use of it is in test_engine.py."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.fills.queue import Print, Queue
from tests.fills.test_engine import desk


def sell_print(rate, amount, side="sell"):
    return Print("1", 0, rate, amount, side)


@pytest.mark.parametrize(
    ("estimate", "ahead", "rate", "amount", "filled", "ahead_after"),
    [
        # a buy of 10 resting at 100; the print is a seller's
        ("pessimistic", 5.0, 100.0, 8.0, 0.0, 5.0),
        ("pessimistic", 5.0, 99.99, 8.0, 8.0, 0.0),
        ("pessimistic", 5.0, 99.99, 80.0, 10.0, 0.0),
        ("expected", 5.0, 100.0, 3.0, 0.0, 2.0),
        ("expected", 5.0, 100.0, 5.0, 0.0, 0.0),
        ("expected", 5.0, 100.0, 8.0, 3.0, 0.0),
        ("expected", 0.0, 100.0, 80.0, 10.0, 0.0),
        ("expected", 5.0, 99.99, 8.0, 8.0, 0.0),
        ("expected", None, 100.0, 8.0, 0.0, None),  # place unknown: only prints through the rate fill
        ("expected", None, 99.99, 8.0, 8.0, 0.0),
        ("optimistic", 5.0, 100.0, 8.0, 8.0, 5.0),
        ("optimistic", None, 99.99, 8.0, 8.0, 0.0),
        ("optimistic", 0.0, 100.01, 8.0, 0.0, 0.0),
        ("expected", 5.0, 100.01, 8.0, 0.0, 5.0),
    ],
)
def test_a_sellers_print_meets_a_resting_buy(estimate, ahead, rate, amount, filled, ahead_after):
    queue = Queue(ahead)
    assert queue.fill("buy", 100.0, 10.0, sell_print(rate, amount), estimate) == filled
    assert queue.ahead == ahead_after


@pytest.mark.parametrize("estimate", ["pessimistic", "expected", "optimistic"])
def test_a_sell_is_the_mirror_image_of_a_buy(estimate):
    buy, sell = Queue(2.0), Queue(2.0)
    for offset, amount in ((0.0, 1.0), (0.5, 3.0), (0.0, 4.0), (-0.5, 2.0)):
        as_buy = buy.fill("buy", 100.0, 5.0, Print("", 0, 100 - offset, amount, "sell"), estimate)
        as_sell = sell.fill("sell", 100.0, 5.0, Print("", 0, 100 + offset, amount, "buy"), estimate)
        assert (as_buy, buy) == (as_sell, sell)


@pytest.mark.parametrize("estimate", ["pessimistic", "expected", "optimistic"])
def test_an_aggressor_of_our_own_side_never_fills_us(estimate):
    assert Queue(0.0).fill("buy", 100.0, 10.0, sell_print(90.0, 5.0, side="buy"), estimate) == 0


@pytest.mark.parametrize(
    ("ahead", "displayed", "after", "moved"),
    [
        (5.0, 3.0, 3.0, True),  # others ahead of us have left
        (5.0, 8.0, 5.0, False),  # those who came later stand behind us
        (5.0, 5.0, 5.0, False),
        (5.0, 0.0, 0.0, True),
        (None, 7.0, 7.0, True),  # the first sight of the level
        (5.0, None, 5.0, False),  # the book did not reach that deep
        (None, None, None, False),
    ],
)
def test_no_more_than_the_book_displays_can_be_ahead(ahead, displayed, after, moved):
    queue = Queue(ahead)
    assert queue.bound(displayed) is moved
    assert queue.ahead == after


lots = st.integers(1, 40).map(float)
tapes = st.lists(
    st.tuples(st.sampled_from([98.0, 99.0, 100.0, 101.0]), lots, st.sampled_from(["buy", "sell"]))
)


@given(st.one_of(st.none(), lots), lots, tapes)
def test_the_estimates_are_nested_and_bounded_by_the_tape(ahead, amount, tape):
    """
    After every print: pessimistic <= expected <= optimistic, because each lets the next one's prints in.
    Pessimistic is at most what was printed through the rate, as nothing else proves that we were reached.
    Expected is at most what was printed at or through it less the queue, as the queue goes first; the
    first print through the rate has taken all that was left of the queue.
    """
    queues = {name: Queue(ahead) for name in ("pessimistic", "expected", "optimistic")}
    filled = dict.fromkeys(queues, 0.0)
    for i, (rate, size, side) in enumerate(tape):
        for name, queue in queues.items():
            filled[name] += queue.fill(
                "buy", 100.0, amount - filled[name], Print("", 0, rate, size, side), name
            )
        assert filled["pessimistic"] <= filled["expected"] <= filled["optimistic"] <= amount
        sold = [(r, q) for r, q, s in tape[: i + 1] if s == "sell" and r <= 100]
        through = math.fsum(q for r, q in sold if r < 100)
        at_before_through = math.fsum(q for _, q in itertools.takewhile(lambda p: p[0] == 100, sold))
        queue_takes = at_before_through if ahead is None else min(ahead, at_before_through)
        assert filled["pessimistic"] <= through
        assert filled["expected"] <= math.fsum(q for _, q in sold) - queue_takes
        assert filled["optimistic"] <= math.fsum(q for _, q in sold)


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
    assert order.queue.ahead is None
    d.market.trade("sell", 75.0, 5.0)
    assert d.poll(order).filled == 0
    d.market.bids = d.market.bids[10:]
    assert d.poll(order).queue.ahead == 1
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
